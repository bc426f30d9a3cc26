// Lines over time, one chart per figure: data in #fleet-data, a place .chart[data-chart] for each.
(function () {
  "use strict";
  var data = JSON.parse(document.getElementById("fleet-data").textContent);
  var dark = window.matchMedia("(prefers-color-scheme: dark)");
  var COLOURS = ["#2f6fb0", "#c2571a", "#3b8f5a", "#8a4fb0"];
  var DARK_COLOURS = ["#7db4ea", "#f0a06a", "#84cf9f", "#c79ae6"];

  function text(value) {
    if (value === null || value === undefined) return "n/a";
    var size = Math.abs(value);
    if (size >= 100) return Math.round(value).toLocaleString("en");
    return String(Number(value.toPrecision(3)));
  }

  function clock(seconds) {
    var minutes = Math.round(seconds / 60);
    return data.long ? (seconds / 3600).toFixed(1) + " h" : minutes + " min";
  }

  function option(figure, width) {
    var ink = dark.matches ? "#c9d2dd" : "#3a4654";
    var line = dark.matches ? "#3a4654" : "#dde3ea";
    var colours = dark.matches ? DARK_COLOURS : COLOURS;
    var font = { color: ink, fontSize: 13, fontFamily: getComputedStyle(document.body).fontFamily };
    return {
      animation: false,
      grid: { left: 8, right: 18, top: 14, bottom: 40, containLabel: true },
      legend: { bottom: 0, left: 0, itemGap: 18, icon: "rect", itemHeight: 3, textStyle: font, data: figure.series.map(function (s) { return s.name; }) },
      xAxis: {
        type: "category",
        data: data.start_s.map(clock),
        boundaryGap: false,
        axisTick: { show: false },
        axisLine: { lineStyle: { color: line } },
        axisLabel: Object.assign({}, font, { hideOverlap: true, interval: Math.max(0, Math.ceil(data.start_s.length / (width / 90)) - 1) }),
      },
      yAxis: { type: "value", min: 0, axisLabel: Object.assign({}, font, { formatter: text }), splitLine: { lineStyle: { color: line } } },
      tooltip: {
        trigger: "axis",
        confine: true,
        valueFormatter: function (value) { return text(value) + " " + figure.unit; },
      },
      series: figure.series.map(function (series, k) {
        return {
          name: series.name,
          type: "line",
          data: series.values,
          showSymbol: false,
          silent: true,
          lineStyle: { width: 2, color: colours[k], type: ["solid", "dashed", "dotted", "solid"][k] },
          itemStyle: { color: colours[k] },
        };
      }),
    };
  }

  var shown = [];
  document.querySelectorAll(".chart[data-chart]").forEach(function (place) {
    var figure = data.figures[Number(place.dataset.chart)];
    place.style.height = "300px";
    var chart = echarts.init(place, null, { renderer: "svg" });
    function draw() {
      chart.resize();
      chart.setOption(option(figure, place.clientWidth), { notMerge: true });
    }
    draw();
    shown.push(draw);
  });
  function all() { shown.forEach(function (draw) { draw(); }); }
  window.addEventListener("resize", all);
  dark.addEventListener("change", all);
})();
