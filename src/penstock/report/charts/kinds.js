// The kinds of figure: how high, which option, and what to draw once it is laid out.

import { barsHeight, barsOption } from "./bars.js";
import { cascadeHeight, cascadeOption } from "./cascade.js";
import { curveHeight, curveOption } from "./curve.js";
import { fanHeight, fanOption, panelsHeight, panelsOption } from "./fan.js";
import { heatHeight, heatOption } from "./heat.js";
import { drawReturns, sankeyHeight, sankeyOption } from "./sankey.js";
import { waterfallHeight, waterfallOption } from "./waterfall.js";
import { whiskersHeight, whiskersOption } from "./whiskers.js";

export const KINDS = {
  fan: { height: fanHeight, option: fanOption },
  panels: { height: panelsHeight, option: panelsOption },
  heat: { height: heatHeight, option: heatOption },
  waterfall: { height: waterfallHeight, option: waterfallOption },
  whiskers: { height: whiskersHeight, option: whiskersOption },
  bars: { height: barsHeight, option: barsOption },
  cascade: { height: cascadeHeight, option: cascadeOption },
  curve: { height: curveHeight, option: curveOption },
  sankey: { height: sankeyHeight, option: sankeyOption, after: drawReturns },
};
