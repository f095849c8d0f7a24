// Converts results of Prometheus to Grafana's data frames, with the panel's field configuration.
import { FieldType, createDataFrame, getDisplayProcessor, getFieldDisplayName, getFieldSeriesColor } from "@grafana/data";

const legend = (target, metric) =>
  target.legendFormat
    ? target.legendFormat.replace(/{{\s*(\w+)\s*}}/g, (_, label) => metric[label] ?? "")
    : Object.entries(metric).filter(([name]) => name !== "__name__").map(([name, value]) => `${name}=${value}`).join(", ");

/** One frame a series; where it has no sample there is a null, so that lines break as they do in Grafana. */
export function seriesFrames(panel, range, theme) {
  const frames = panel.answers.flatMap(({ target, series, step }) => {
    const times = [];
    for (let at = range.from; at <= range.to; at += step) times.push(at);
    return series.map(({ metric, values }) => {
      const found = new Map(values.map(([at, value]) => [at, Number(value)]));
      return createDataFrame({
        refId: target.refId,
        fields: [
          { name: "Time", type: FieldType.time, values: times.map((at) => at * 1000) },
          { name: "Value", type: FieldType.number, values: times.map((at) => found.get(at) ?? null), config: { displayNameFromDS: legend(target, metric) } },
        ],
      });
    });
  });
  frames.forEach((frame, seriesIndex) => {
    const values = frame.fields[1].values.filter((value) => value !== null);
    const [min, max] = [Math.min(...values), Math.max(...values)];
    frame.fields[1].state = { seriesIndex, range: { min, max, delta: max - min } };
    configure(panel, frame.fields[1], frame, frames, theme);
  });
  return frames;
}

/** One frame for an instant query, with a column a label, as the Prometheus data source's table format. */
export function tableFrames(panel) {
  return panel.answers.map(({ target, series }) => {
    const names = [...new Set(series.flatMap(({ metric }) => Object.keys(metric)))].sort();
    return createDataFrame({
      refId: target.refId,
      fields: [
        { name: "Time", type: FieldType.time, values: series.map(({ value }) => value[0] * 1000) },
        ...names.map((name) => ({ name, type: FieldType.string, values: series.map(({ metric }) => metric[name] ?? "") })),
        { name: `Value #${target.refId}`, type: FieldType.number, values: series.map(({ value }) => Number(value[1])) },
      ],
    });
  });
}

/** The panel's defaults and its overrides by name, and what turns values into text and colours. */
export function configure(panel, field, frame, frames, theme) {
  const { defaults, overrides } = panel.fieldConfig;
  field.config = { ...structuredClone(defaults), ...field.config, custom: { ...defaults.custom } };
  const name = getFieldDisplayName(field, frame, frames);
  for (const { matcher, properties } of overrides) {
    if (matcher.options !== name) continue;
    for (const { id, value } of properties) {
      if (id.startsWith("custom.")) field.config.custom[id.slice("custom.".length)] = value;
      else field.config[id] = value;
    }
  }
  // Resolve the colour by name here: the plot removes the name before it reads the colour.
  if (field.config.color?.mode === "palette-classic-by-name")
    field.config.color = { mode: "fixed", fixedColor: getFieldSeriesColor(field, theme).color };
  const steps = field.config.thresholds?.steps;
  if (steps) steps[0].value = -Infinity;
  field.display = getDisplayProcessor({ field, theme, timeZone: "utc" });
}
