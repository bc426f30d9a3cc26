import { svelte } from "@sveltejs/vite-plugin-svelte";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const here = fileURLToPath(new URL(".", import.meta.url));

// Names without hashes: a change of the bundle is then a change of a file, and the same sources give the same bytes.
export default defineConfig({
  plugins: [svelte()],
  base: "/",
  resolve: {
    alias: {
      $charts: `${here}../src/penstock/report/charts`,
      "$echarts-parts": `${here}../tools/build_report_bundle/echarts_entry.js`,
      echarts: `${here}node_modules/echarts`,
    },
  },
  build: {
    outDir: process.env.STUDIO_OUT ?? "../src/penstock/studio/static",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: false,
    reportCompressedSize: false,
    chunkSizeWarningLimit: 1200,
    rollupOptions: {
      output: {
        entryFileNames: "assets/studio.js",
        chunkFileNames: "assets/[name].js",
        assetFileNames: "assets/[name][extname]",
      },
    },
  },
});
