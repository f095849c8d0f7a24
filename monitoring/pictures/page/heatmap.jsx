// Grafana does not publish its heatmap: this one draws the cells with the same plot component, axes and colours.
import { formattedValueToString, getValueFormat } from "@grafana/data";
import { AxisPlacement, ScaleDistribution, ScaleDirection, ScaleOrientation } from "@grafana/schema";
import { UPlotChart, UPlotConfigBuilder } from "@grafana/ui";
import { NoData, timeRange } from "./panels.jsx";

const ORANGES = ["#3a1d08", "#7f3306", "#c4500a", "#f3742b", "#fda762", "#fdd5ab", "#fff5eb"];

/** Buckets from below, each with its own rate: Prometheus' are cumulative. */
function buckets({ series, step }, range) {
  const bound = ({ metric }) => (metric.le === "+Inf" ? Infinity : Number(metric.le));
  const times = [];
  for (let at = range.from; at <= range.to; at += step) times.push(at);
  const rows = [...series].sort((a, b) => bound(a) - bound(b)).map((each) => {
    const found = new Map(each.values.map(([at, value]) => [at, Number(value)]));
    return { bound: bound(each), values: times.map((at) => found.get(at) ?? 0) };
  });
  return { times, rows: rows.map((row, i) => ({ ...row, values: row.values.map((v, t) => v - (i ? rows[i - 1].values[t] : 0)) })) };
}

export function Heatmap({ panel, range, theme, width, height }) {
  const [answer] = panel.answers;
  if (!answer.series.length) return <NoData panel={panel} />;
  const { times, rows } = buckets(answer, range);
  const format = getValueFormat(panel.options.yAxis.unit);
  const most = Math.max(...rows.flatMap(({ values }) => values));
  const builder = new UPlotConfigBuilder("utc");
  builder.addScale({ scaleKey: "x", isTime: true, orientation: ScaleOrientation.Horizontal, direction: ScaleDirection.Right, range: () => [range.from * 1000, range.to * 1000] });
  builder.addScale({ scaleKey: "y", orientation: ScaleOrientation.Vertical, direction: ScaleDirection.Up, distribution: ScaleDistribution.Linear, range: () => [0, rows.length] });
  builder.addAxis({ scaleKey: "x", isTime: true, placement: AxisPlacement.Bottom, timeZone: "utc", theme });
  builder.addAxis({
    scaleKey: "y",
    placement: AxisPlacement.Left,
    theme,
    splits: () => rows.map((_, i) => i + 1).filter((i) => i % 2),
    formatValue: (i) => (rows[i - 1].bound === Infinity ? "" : formattedValueToString(format(rows[i - 1].bound))),
  });
  builder.addSeries({ scaleKey: "y", theme, lineWidth: 0, show: true, pathBuilder: () => null });
  builder.addHook("draw", (u) => {
    rows.forEach(({ values }, row) =>
      values.forEach((value, t) => {
        if (value < most * 1e-6) return;
        const [left, right] = [times[t] - answer.step, times[t]].map((at) => u.valToPos(at * 1000, "x", true));
        const [top, bottom] = [row + 1, row].map((y) => u.valToPos(y, "y", true));
        u.ctx.fillStyle = ORANGES[Math.min(ORANGES.length - 1, Math.floor((value / most) ** 0.5 * ORANGES.length))];
        u.ctx.fillRect(left + 0.5, top + 0.5, right - left - 0.5, bottom - top - 1);
      }),
    );
  });
  builder.setPrepData(() => [times.map((at) => at * 1000), times.map(() => null)]);
  return <UPlotChart config={builder} data={[times.map((at) => at * 1000), times.map(() => null)]} width={width} height={height} timeRange={timeRange(range)} />;
}
