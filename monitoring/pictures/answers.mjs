// Runs the queries of a dashboard's panels, with the parameters that Grafana uses.
const SCRAPE_S = 30; // scrape interval of the simulated data

export async function answers(url, panels, range, variables) {
  const step = Math.max(SCRAPE_S, Math.ceil((range.to - range.from) / 400 / SCRAPE_S) * SCRAPE_S);
  const filledIn = (text) => {
    const values = { __rate_interval: `${Math.max(step + SCRAPE_S, 4 * SCRAPE_S)}s`, ...variables };
    return Object.entries(values).reduce((done, [name, value]) => done.replaceAll(`$${name}`, value), text);
  };
  const ask = async (target) => {
    const expr = filledIn(target.expr);
    const [kind, form] = target.instant
      ? ["query", { query: expr, time: range.to }]
      : ["query_range", { query: expr, start: range.from, end: range.to, step }];
    const answer = await fetch(`${url}/api/v1/${kind}`, { method: "POST", body: new URLSearchParams(form) });
    const { status, error, data } = await answer.json();
    if (status !== "success") throw new Error(`${error}: ${expr}`);
    return { target, step, series: data.result };
  };
  return Promise.all(
    panels.map(async (panel) => ({ ...panel, answers: await Promise.all((panel.targets ?? []).map(ask)) })),
  );
}
