declare module "$charts/*";
declare module "world-atlas/land-110m.json";
declare module "topojson-client";
declare module "$echarts-parts";
