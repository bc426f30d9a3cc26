// Numbers and names as readers see them.
import { NOT_AVAILABLE, percent, plain } from "$charts/format.js";

export { percent, plain, NOT_AVAILABLE };

export const LAYERS: [string, string][] = [
  ["ai", "AI labs"],
  ["data", "Data"],
  ["platform", "Platforms"],
  ["silicon", "Silicon"],
  ["facilities", "Facilities"],
  ["energy", "Energy"],
  ["finance", "Finance"],
];

export const layerName = (layer: string): string => LAYERS.find(([id]) => id === layer)?.[1] ?? layer;

// Nominal dollars given in billions: $1.23bn, $340m, $1.05tn.
export function money(usdBn: number | null | undefined, digits = 3): string {
  if (usdBn === null || usdBn === undefined || !Number.isFinite(usdBn)) return NOT_AVAILABLE;
  if (usdBn === 0) return "$0";
  const size = Math.abs(usdBn);
  const [factor, unit] = size >= 999.5 ? [1e-3, "tn"] : size >= 0.9995 || size === 0 ? [1, "bn"] : size >= 0.0009995 ? [1e3, "m"] : [1e6, "k"];
  return `${usdBn < 0 ? "\u2212" : ""}$${plain(size * factor, digits)}${unit}`;
}

export const spaced = (text: string): string => text.replaceAll("_", " ");

const METRIC_NAMES: Record<string, string> = { capex: "capital spending", rd_expense: "R&D expense", stock_comp: "stock-based pay" };

// A figure of a company by the name that readers know.
export const metricName = (metric: string): string => METRIC_NAMES[metric] ?? spaced(metric);

// A figure with its unit; `flows` are the metrics that are counted a year.
export function figureText(metric: string, value: number, flows: string[] | undefined): string {
  if (metric === "employees") return value?.toLocaleString("en-US");
  return `${money(value)}${flows?.includes(metric) ? " a year" : ""}`;
}

export const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

export function duration(seconds: number | null): string {
  if (seconds === null) return "";
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  return `${Math.round(seconds / 60)} min`;
}

// A cell that a spreadsheet would run as a formula is quoted; numbers stay numbers.
export function csv(rows: Record<string, unknown>[], columns: string[]): string {
  const cell = (value: unknown): string => {
    if (value === null || value === undefined) return "";
    if (typeof value === "number") return String(value);
    let text = typeof value === "object" ? JSON.stringify(value) : String(value);
    if (/^[=+\-@\t\r\n]/.test(text)) text = `'${text}`;
    return /[",\n\r;]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return `${[columns.map(cell).join(","), ...rows.map((row) => columns.map((key) => cell(row[key])).join(","))].join("\n")}\n`;
}

// Sentences of the command line name the unit after the number.
export const inDollars = (text: string): string =>
  text.replace(/(\d[\d.,]*) usd_bn/g, (_, amount) => money(Number(amount.replaceAll(",", "")))).replace(/\((\d[\d.,]*) to (\d[\d.,]*)\)/g, (_, low, high) => `(${[low, high].map((amount) => money(Number(amount.replaceAll(",", "")))).join(" to ")})`);

// `kind:payer>payee`, as the ledger names what no contract stands behind, in words.
export const tieWords = (text: string, names: Record<string, string>): string =>
  text.replace(/\b(?:[a-z_]+:)?([a-z_]+):([a-z0-9_]+)>([a-z0-9_]+)(?::[a-z_]+)?\b/g, (_, kind, from, to) => `${spaced(kind)} of ${names[from] ?? spaced(from)} and ${names[to] ?? spaced(to)}`);

export const isNumber = (text: string): boolean => /^[\u2212$<+-]*(USD |EUR |[A-Z]{3} )?[\u2212$]?\d/.test(text) && !/^\d{4}(-\d\d|Q\d)/.test(text);

// The numbers of a sentence, each with its unit, apart from the words between. Years, quarters, names with digits in them
// and "9 of 10", which tells what a range holds, are words.
const NUMBER = /(?<![\w.$\u2013-])[\u2212+]?\$?\d+(?:,\d{3})*(?:\.\d+)?(?:e[\u2212-]\d+)?(?:\u2013\$?\d+(?:,\d{3})*(?:\.\d+)?)?(?:%|(?:bn|tn|m)\b)?(?: of \d+(?:,\d{3})*\b| in 100\b)?(?: (?:GW|MW|TWh|quadrillion|million|companies|company)\b)?(?![\w%])/g;
const WORD = /^(?:(?:19|20)\d\d(?:\u2013(?:19|20)\d\d)?|[89] of 10)$/;

export function numbersIn(text: string): { text: string; number: boolean }[] {
  const parts: { text: string; number: boolean }[] = [];
  let end = 0;
  for (const found of text.matchAll(NUMBER)) {
    const number = found[0];
    // "(90%)" at the end of a range tells what it holds
    if (WORD.test(number) || (number === "90%" && text[found.index + 3] === ")")) continue;
    if (found.index > end) parts.push({ text: text.slice(end, found.index), number: false });
    parts.push({ text: number, number: true });
    end = found.index + number.length;
  }
  if (end < text.length) parts.push({ text: text.slice(end), number: false });
  return parts;
}
