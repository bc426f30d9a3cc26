// Builds the two scripts that a report carries. `--check` builds and compares instead of writing.
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));
const out = fileURLToPath(new URL("../../src/penstock/report/static/", import.meta.url));
const charts = fileURLToPath(new URL("../../src/penstock/report/charts/index.js", import.meta.url));

const ECHARTS_NOTICE = `/*! Apache ECharts 6.1.0, custom build. Copyright 2017-2026 The Apache Software Foundation. Apache-2.0:
https://www.apache.org/licenses/LICENSE-2.0. This product includes software developed at The Apache Software
Foundation (https://www.apache.org/). Contains zrender 6 (BSD-3-Clause, Baidu Inc.) and tslib (0BSD, Microsoft Corp.). */`;

const common = {
  bundle: true,
  minify: true,
  write: false,
  format: "iife",
  target: ["es2021"],
  charset: "ascii",
  legalComments: "none",
  absWorkingDir: here,
  define: { "process.env.NODE_ENV": '"production"' },
};
const jobs = [
  { file: "echarts.min.js", entry: `${here}echarts_entry.js`, globalName: "echarts", banner: ECHARTS_NOTICE },
  { file: "charts.min.js", entry: charts, globalName: "PenstockCharts", banner: "/*! Penstock charts, Apache-2.0 */" },
];

const check = process.argv.includes("--check");
let stale = 0;
for (const job of jobs) {
  const result = await build({
    ...common,
    entryPoints: [job.entry],
    globalName: job.globalName,
    banner: { js: job.banner },
  });
  // inside an HTML script element this would end it
  const text = result.outputFiles[0].text.replaceAll("</script", "<\\/script").replaceAll("<!--", "<\\!--");
  if (check) {
    const kept = await readFile(out + job.file, "utf8").catch(() => "");
    if (kept !== text) {
      stale += 1;
      console.error(`${job.file}: differs from what its sources build; run \`npm run build\` here and commit it`);
    }
  } else {
    await writeFile(out + job.file, text);
  }
  console.log(`${job.file} ${(text.length / 1024).toFixed(0)} kB`);
}
process.exit(stale ? 1 : 0);
