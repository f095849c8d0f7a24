// Draws each dashboard to a PNG: runs its queries on the Prometheus at PROMETHEUS_URL, and renders the results with
// Grafana's components in headless Chromium. Usage: node draw.mjs FOLDER [dashboard...]
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { chromium } from "playwright-core";
import { answers } from "./answers.mjs";

const HERE = path.dirname(fileURLToPath(import.meta.url));
const DASHBOARDS = path.join(HERE, "..", "grafana", "dashboards");
const START = Number(process.env.HISTORY_START); // Unix seconds; see monitoring/history
const WIDTH = 1600;
const PAGE = '<!doctype html><meta charset="utf-8"><body style="margin:0"><div id="root"></div></body>';

// The part of the six hours that each picture shows, in minutes.
const SHOTS = {
  fleet: { from: 6, to: 138, variables: { cluster: "" } },
  model: { from: 22, to: 98, variables: { model: "digits", cluster: "" } },
  capacity: { from: 6, to: 354, variables: { cluster: "" } },
  server: { from: 6, to: 354, variables: { cluster: "" } },
};

const commonJs = (name) => path.join(HERE, "node_modules", "@grafana", name, "dist", "cjs", "index.cjs");

async function bundle() {
  const { outputFiles } = await build({
    entryPoints: [path.join(HERE, "page", "index.jsx")],
    bundle: true,
    write: false,
    minify: true,
    outdir: "out",
    jsx: "automatic",
    loader: { ".ttf": "empty", ".woff": "empty", ".woff2": "dataurl" },
    // The ES modules import CommonJS as Node does, with the whole module as default export, which esbuild does not; use CommonJS.
    alias: Object.fromEntries(["data", "schema", "ui"].map((name) => [`@grafana/${name}`, commonJs(name)])),
    define: { "process.env.NODE_ENV": '"production"', global: "window" },
    logLevel: "error",
  });
  return ["js", "css"].map((kind) => outputFiles.find((file) => file.path.endsWith(`.${kind}`)).text);
}

async function draw(browser, [script, style], name, folder) {
  const shot = SHOTS[name];
  const board = JSON.parse(await readFile(path.join(DASHBOARDS, `${name}.json`), "utf8"));
  const range = { from: START + shot.from * 60, to: START + shot.to * 60 };
  const panels = await answers(process.env.PROMETHEUS_URL, board.panels, range, shot.variables);
  const page = await browser.newPage({ viewport: { width: WIDTH, height: 900 } });
  const failures = [];
  page.on("pageerror", (error) => failures.push(error.stack));
  // Grafana's components use the page's storage, which a blank page does not have, so the page needs a URL.
  await page.route("http://pictures.test/", (route) => route.fulfill({ contentType: "text/html", body: PAGE }));
  await page.goto("http://pictures.test/");
  await page.addStyleTag({ content: style });
  await page.addScriptTag({ content: script });
  if (failures.length) throw new Error(failures.join("\n"));
  await page.evaluate((what) => window.show(what), { title: board.title, panels, range, variables: shot.variables, width: WIDTH });
  await page.waitForFunction(() => window.drawn === true);
  if (failures.length) throw new Error(`${name}: ${failures.join("\n")}`);
  const picture = await page.locator("#root").screenshot();
  await writeFile(path.join(folder, `${name}.png`), picture);
  console.log(`${name}.png ${Math.round(picture.length / 1024)} KiB`);
  await page.close();
}

const [folder, ...names] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
try {
  const parts = await bundle();
  for (const name of names.length ? names : Object.keys(SHOTS)) await draw(browser, parts, name, folder);
} finally {
  await browser.close();
}
