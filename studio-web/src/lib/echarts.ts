// ECharts with the parts that the chart modules use: the list is that of the report's bundle.
export { init } from "$echarts-parts";
