// Colours of the charts in light and dark. Layers keep Tol's bright scheme; a pale layer colour always has
// a darker outline and a text label, because it is under 3:1 on white.

export const LAYER_COLOURS = {
  ai: "#4477AA",
  data: "#66CCEE",
  platform: "#228833",
  silicon: "#CCBB44",
  facilities: "#EE6677",
  energy: "#AA3377",
};

const LAYER_OUTLINES = {
  ai: "#2F5478",
  data: "#2A7F9C",
  platform: "#175E23",
  silicon: "#7D7220",
  facilities: "#A83E4D",
  energy: "#762050",
};

// One shape per layer: a second channel beside colour.
export const LAYER_SHAPES = {
  ai: "circle",
  data: "rect",
  platform: "triangle",
  silicon: "diamond",
  facilities: "roundRect",
  energy: "pin",
  finance: "emptyCircle",
};

// Tol YlOrBr without its palest step, which is lost on white.
export const LOSS_RAMP = ["#FFF7BC", "#FEE391", "#FEC44F", "#FB9A29", "#EC7014", "#CC4C02", "#993404", "#662506"];

// Six greys to ink for grades A to F would hide which is which in print, so each grade also has a texture.
export const GRADE_COLOURS = {
  A: "#225555",
  B: "#4477AA",
  C: "#77AADD",
  D: "#BBCCEE",
  E: "#EEDD88",
  F: "#EE8866",
};

// no quotes: ECharts writes the font into an attribute of the exported SVG as it stands
const FONT = "Inter, system-ui, -apple-system, Segoe UI, Roboto, sans-serif";

const LIGHT = {
  dark: false,
  font: FONT,
  background: "#FFFFFF",
  raised: "#F6F7F9",
  line: "#DFE3E8",
  strongLine: "#8A94A0",
  ink: "#1C2430",
  muted: "#55606E",
  accent: "#4477AA",
  finance: "#222222",
};

const DARK = {
  dark: true,
  font: FONT,
  background: "#12161C",
  raised: "#1A2029",
  line: "#2C3542",
  strongLine: "#6C7887",
  ink: "#E8EAED",
  muted: "#A7B0BC",
  accent: "#6F9FD0",
  finance: "#BBBBBB",
};

export function theme(dark) {
  return dark ? DARK : LIGHT;
}

export function layerColour(layer, colours) {
  if (layer === "finance") return colours.finance;
  if (layer === "energy" && colours.dark) return "#D070A8";
  return LAYER_COLOURS[layer] || (colours.dark ? "#7C8896" : "#97A1AD");
}

export function layerOutline(layer, colours) {
  if (colours.dark) return layerColour(layer, colours);
  return LAYER_OUTLINES[layer] || colours.strongLine;
}
