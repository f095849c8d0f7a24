// The page: a dashboard's panels on Grafana's grid.
import { createTheme } from "@grafana/data";
import { GlobalStyles, PanelChrome, ThemeContext } from "@grafana/ui";
import "@fontsource/inter/latin-400.css";
import "@fontsource/inter/latin-500.css";
import { createRoot } from "react-dom/client";
import "uplot/dist/uPlot.min.css";
import { Heatmap, Lines, Row, Single, Rows } from "./panels.jsx";

const KINDS = { stat: Single, timeseries: Lines, table: Rows, heatmap: Heatmap };
const CELL = 38; // Grafana's row height and gap
const GAP = 8;
const HEADER = 48;

function Dashboard({ title, panels, range, variables, width, theme }) {
  const column = (width - GAP) / 24;
  const bottom = Math.max(...panels.map(({ gridPos }) => gridPos.y + gridPos.h));
  const chosen = Object.entries(variables).filter(([, value]) => value).map(([name, value]) => `${name}: ${value}`);
  const time = (at) => new Date(at * 1000).toISOString().slice(11, 16);
  return (
    <div style={{ position: "relative", width, height: HEADER + bottom * CELL + GAP, background: theme.colors.background.canvas }}>
      <div style={{ padding: "14px 12px", display: "flex", justifyContent: "space-between", ...theme.typography.h5 }}>
        <span>{[title, ...chosen].join(" \u00a0·\u00a0 ")}</span>
        <span style={{ color: theme.colors.text.secondary }}>{`${time(range.from)} to ${time(range.to)} UTC`}</span>
      </div>
      {panels.map((panel) => {
        const { x, y, w, h } = panel.gridPos;
        const place = { position: "absolute", left: GAP + x * column, top: HEADER + y * CELL };
        const size = { width: w * column - GAP, height: h * CELL - GAP };
        if (panel.type === "row") return <Row key={panel.id} title={panel.title} style={place} />;
        const Kind = KINDS[panel.type];
        return (
          <div key={panel.id} style={place}>
            <PanelChrome title={panel.title} description={panel.description} {...size}>
              {(innerWidth, innerHeight) => (
                <Kind panel={panel} range={range} theme={theme} width={innerWidth} height={innerHeight} />
              )}
            </PanelChrome>
          </div>
        );
      })}
    </div>
  );
}

window.show = async (what) => {
  const theme = createTheme({ colors: { mode: "dark" } });
  createRoot(document.getElementById("root")).render(
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <Dashboard {...what} theme={theme} />
    </ThemeContext.Provider>,
  );
  await document.fonts.ready;
  // Wait for two frames: components measure themselves in the first, and canvases are painted in the second.
  requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => (window.drawn = true), 500)));
};
