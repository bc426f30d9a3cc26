// A knob over time: the changes of a scenario file that make it, and what they come to quarter by quarter.
import { plain } from "./words";

export interface Change {
  what: string;
  apply: string;
  from: string;
  until?: string;
  over?: number;
  why?: string;
}
export interface Step {
  from: string;
  value: number | null;
  over: number;
}
export type How = "set" | "times" | "plus" | "range";

export const ordinal = (quarter: string): number => Number(quarter.slice(0, 4)) * 4 + Number(quarter.slice(5)) - 1;
export const quarterOf = (number: number): string => `${Math.floor(number / 4)}Q${(number % 4) + 1}`;
export const quartersFrom = (first: string, count: number): string[] => Array.from({ length: count }, (_, k) => quarterOf(ordinal(first) + k));

const exact = (value: number): number => Number(value.toPrecision(10));
const signed = (value: number): string => `${value < 0 ? "-" : "+"}${Math.abs(exact(value))}`;

// Later changes act on what earlier ones left: a step to a level is a step from the level before.
export function changesOf(what: string, how: How, steps: Step[], high: number | null, until: string, why: string): Change[] {
  return steps.map((step, k) => {
    const before = steps[k - 1]?.value ?? null;
    const value = step.value ?? 0;
    const apply =
      how === "set" ? `=${exact(value)}` : how === "times" ? `*${exact(before === null ? value : value / before)}` : how === "plus" ? signed(value - (before ?? 0)) : `${exact(value)} to ${exact(high ?? value)}`;
    return { what, apply, from: step.from, ...(until ? { until } : {}), ...(step.over > 1 ? { over: step.over } : {}), ...(why ? { why } : {}) };
  });
}

// What changes make of a knob at its default, a value a quarter; the weights are those of penstock.scenarios.program.
export function settings(knob: any, changes: Change[], quarters: string[]): number[] {
  return quarters.map((quarter) => {
    const now = ordinal(quarter);
    let scale = 1;
    let offset = 0;
    for (const change of changes) {
      const first = ordinal(change.from);
      if (now < first || (change.until && now > ordinal(change.until))) continue;
      const weight = Math.min(1, (now - first + 1) / Math.max(change.over ?? 0, 1));
      const range = / to /.test(change.apply) ? change.apply.split(" to ").map(Number) : null;
      const strength = range ? Math.sqrt(range[0] * range[1]) : Number(change.apply.replace(/^[*=]/, ""));
      if (change.apply.startsWith("=")) {
        scale *= 1 - weight;
        offset = offset * (1 - weight) + weight * strength;
      } else if (change.apply.startsWith("*") || range) {
        const factor = 1 - weight + weight * strength;
        scale *= factor;
        offset *= factor;
      } else offset += weight * strength;
    }
    const found = knob.multiplies ? scale + offset : scale * knob.default + offset;
    return Math.min(knob.maximum ?? Infinity, Math.max(knob.minimum ?? -Infinity, found));
  });
}

// Round numbers as they are typed, others to three digits.
export const neat = (value: number): string => (Math.abs(value) < 1e5 && (value === 0 || Math.abs(value) >= 1e-3) ? String(Number(value.toPrecision(4))).replace("-", "\u2212") : plain(value));

export const unitOf = (knob: any): string => (knob.multiplies ? "× the baseline" : knob.unit === "usd_per_mmbtu" ? "$ per MMBtu" : knob.unit === "usd_bn" ? "$bn" : (knob.unit || "ratio").replaceAll("_", " "));

const APPLIED: Record<string, string> = { "=": "becomes ", "*": "× ", "+": "plus ", "-": "minus " };

// When a change acts: from a quarter, over some, until a quarter.
export const whenTold = (change: { from: string; until?: string; over?: number }): string =>
  `from ${change.from}${change.over && change.over > 1 ? ` over ${change.over} quarters` : ""}${change.until ? ` until ${change.until}` : ""}`;

export const told = (change: Change): string => `${APPLIED[change.apply[0]] ? APPLIED[change.apply[0]] + change.apply.slice(1) : `drawn, × ${change.apply}`} ${whenTold(change)}`;

// The steps of a path of values in few words, as they were typed.
export function stepsTold(how: How, steps: Step[], high: number | null, until: string): string {
  const word: Record<How, string> = { set: "", times: "× ", plus: "plus ", range: "drawn, × " };
  const parts = steps.map((step) => `${word[how]}${neat(step.value ?? 0)}${how === "range" ? ` to ${neat(high ?? 0)}` : ""} ${whenTold(step)}`);
  return `${parts.join(", ")}${until ? `, until ${until}` : ""}`;
}

// A path of values in a sentence: each stretch on which it stays, and each on which it moves.
export function sentenceOf(values: number[], quarters: string[]): string {
  const parts: string[] = [];
  const same = (a: number, b: number): boolean => Math.abs(a - b) < 1e-9 * Math.max(1, Math.abs(a));
  for (let k = 0; k < values.length; ) {
    let end = k;
    while (end + 1 < values.length && same(values[end + 1], values[k])) end += 1;
    if (end > k || k === 0 || end === values.length - 1) {
      parts.push(`${neat(values[k])} ${end === values.length - 1 ? `from ${quarters[k]} on` : end === k ? `in ${quarters[k]}` : `from ${quarters[k]} to ${quarters[end]}`}`);
      k = end + 1;
    } else k += 1; // it moves through this quarter
  }
  return parts.join(", ");
}
