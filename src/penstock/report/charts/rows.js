// Reading the rows of a figure. A figure is one table; a choice of facets picks some of its rows.

// Text columns come as positions in `levels`; give the figure back with its texts in the rows.
export function unpacked(figure) {
  const { levels, ...rest } = figure;
  if (!levels) return figure;
  const rows = figure.rows.map((row) => row.map((value, index) => (levels[index] ? levels[index][value] : value)));
  return { ...rest, rows };
}

export function objects(figure) {
  const keys = figure.columns.map((column) => column.key);
  return figure.rows.map((row) => Object.fromEntries(keys.map((key, index) => [key, row[index]])));
}

export function openingChoice(figure) {
  return Object.fromEntries(figure.facets.map((facet) => [facet.column, facet.values[0][0]]));
}

export function chosenRows(figure, choice) {
  const index = figure.columns.map((column) => column.key);
  const wanted = figure.facets.map((facet) => [index.indexOf(facet.column), choice[facet.column]]);
  return figure.rows.filter((row) => wanted.every(([position, value]) => row[position] === value));
}

export function chosenObjects(figure, choice) {
  return objects({ columns: figure.columns, rows: chosenRows(figure, choice) });
}

export function finding(figure, choice) {
  return figure.findings[figure.facets.map((facet) => choice[facet.column]).join("|")] || "";
}

export function unitOf(figure, choice) {
  const units = figure.options.units;
  if (!units) return figure.unit;
  return units[choice[figure.facets[0].column]] || figure.unit;
}

export function shownColumns(figure) {
  const fixed = new Set(figure.facets.map((facet) => facet.column));
  return figure.columns
    .map((column, index) => ({ ...column, index }))
    .filter((column) => !column.hidden && !fixed.has(column.key));
}

export function distinct(values) {
  return [...new Set(values)];
}
