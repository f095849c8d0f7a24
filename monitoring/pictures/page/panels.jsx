// Each kind of panel, rendered with Grafana's component.
import { dateTime, reduceField, standardTransformers, standardTransformersRegistry, transformDataFrame } from "@grafana/data";
import { BigValue, Table, TimeSeries } from "@grafana/ui";
import { useEffect, useState } from "react";
import { configure, seriesFrames, tableFrames } from "./fields.js";
export { Heatmap } from "./heatmap.jsx";

standardTransformersRegistry.setInit(() =>
  [standardTransformers.mergeTransformer, standardTransformers.organizeFieldsTransformer].map((transformation) => ({
    id: transformation.id,
    name: transformation.name,
    transformation,
    editor: () => null,
  })),
);

export const timeRange = ({ from, to }) => {
  const raw = { from: dateTime(from * 1000), to: dateTime(to * 1000) };
  return { ...raw, raw };
};

export function NoData({ panel }) {
  return <div style={{ textAlign: "center", paddingTop: 24, opacity: 0.7 }}>{panel.fieldConfig.defaults.noValue}</div>;
}

export function Row({ title, style }) {
  return <h4 style={{ ...style, margin: 0, paddingTop: 6 }}>{title}</h4>;
}

export function Single({ panel, range, theme, width, height }) {
  const [frame] = seriesFrames(panel, range, theme);
  const field = frame?.fields[1];
  const calc = panel.options.reduceOptions.calcs[0];
  const value = field ? field.display(reduceField({ field, reducers: [calc] })[calc]) : { text: panel.fieldConfig.defaults.noValue, numeric: NaN };
  const sparkline = field && panel.options.graphMode !== "none" ? { y: field, x: frame.fields[0] } : undefined;
  return <BigValue value={value} sparkline={sparkline} theme={theme} width={width} height={height} {...panel.options} />;
}

export function Lines({ panel, range, theme, width, height }) {
  const frames = seriesFrames(panel, range, theme);
  if (!frames.length) return <NoData panel={panel} />;
  return <TimeSeries frames={frames} timeRange={timeRange(range)} timeZone="utc" width={width} height={height} legend={panel.options.legend} options={panel.options} />;
}

export function Rows({ panel, theme, width, height }) {
  const [frame, setFrame] = useState(null);
  useEffect(() => {
    transformDataFrame(panel.transformations, tableFrames(panel)).subscribe(([merged]) => {
      for (const field of merged.fields) configure(panel, field, merged, [merged], theme);
      setFrame(merged);
    });
  }, []);
  if (!frame) return null;
  return <Table data={frame} width={width} height={height} fieldConfig={panel.fieldConfig} columnMinWidth={90} initialSortBy={panel.options.sortBy} />;
}
