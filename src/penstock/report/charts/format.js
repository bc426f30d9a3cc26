// Numbers as readers see them: three significant digits, a true minus, n/a for what is not known.
// The same rules as penstock/report/numbers.py.

export const NOT_AVAILABLE = "n/a";
const MINUS = "\u2212";

export function plain(value, digits = 3) {
  if (value === null || value === undefined || !Number.isFinite(value)) return NOT_AVAILABLE;
  if (value === 0) return "0";
  const rounded = Number(value.toPrecision(digits));
  const exponent = Math.floor(Math.log10(Math.abs(rounded)));
  const decimals = Math.max(0, digits - 1 - exponent);
  const text = Math.abs(rounded).toLocaleString("en-US", {
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
  });
  return (rounded < 0 ? MINUS : "") + text;
}

export function percent(share) {
  if (share === null || share === undefined || !Number.isFinite(share)) return NOT_AVAILABLE;
  const value = 100 * share;
  const size = Math.abs(value);
  const exponent = value === 0 ? 0 : Math.floor(Math.log10(size));
  const decimals = Math.min(size >= 10 || value === 0 ? 0 : 1, Math.max(0, 2 - exponent));
  const text = size.toFixed(decimals);
  return (value < 0 && Number(text) !== 0 ? MINUS : "") + text + "%";
}

export function cellText(value, format) {
  if (value === null || value === undefined || value === "") return NOT_AVAILABLE;
  if (format === "text") return String(value);
  return format === "share" ? percent(value) : plain(value);
}

// A tick label: no more digits than the step needs.
export function tick(value) {
  return (value < 0 ? MINUS : "") + Math.abs(value).toLocaleString("en-US", { maximumFractionDigits: 3 });
}
