// A table that is wider than a phone is shown as cards, one a row: the first column as its title, three more beneath,
// the rest behind a button. Roles are told outright, because a table that is laid out otherwise loses them.

const NARROW = 700;
const FIRST = 4;

export function stackWhereNarrow(wrap) {
  let width = -1;
  const more = document.createElement("button");
  more.type = "button";
  more.className = "button more-columns";
  const label = (count) => {
    const all = wrap.classList.contains("all-columns");
    more.textContent = all ? "Fewer columns" : `${count} more ${count === 1 ? "column" : "columns"}`;
    more.setAttribute("aria-expanded", String(all));
  };
  let hidden = 0;
  more.addEventListener("click", () => {
    wrap.classList.toggle("all-columns");
    label(hidden);
  });
  const look = () => {
    const table = wrap.querySelector("table");
    if (!table || !table.tHead || !wrap.clientWidth) return;
    watched.disconnect();
    wrap.classList.remove("stacked");
    const stacked = wrap.clientWidth < NARROW && table.scrollWidth > wrap.clientWidth + 1;
    wrap.classList.toggle("stacked", stacked);
    hidden = stacked ? marked(table) : 0;
    if (hidden) {
      if (more.parentElement !== wrap) wrap.prepend(more);
      label(hidden);
    } else more.remove();
    width = wrap.clientWidth;
    watched.observe(wrap, { childList: true, subtree: true, characterData: true });
  };
  let asked = 0;
  const soon = () => {
    cancelAnimationFrame(asked);
    asked = requestAnimationFrame(look);
  };
  const watched = new MutationObserver(soon);
  const sized = new ResizeObserver(() => {
    if (wrap.clientWidth !== width) soon();
  });
  sized.observe(wrap);
  look();
  return {
    destroy() {
      cancelAnimationFrame(asked);
      sized.disconnect();
      watched.disconnect();
    },
  };
}

// Labels and roles of every cell; how many labelled columns are not among the first few.
function marked(table) {
  const cells = [...table.tHead.rows[0].cells];
  const heads = cells.map((cell) => cell.textContent.trim());
  const labelled = heads.map((text, index) => (text ? index : -1)).filter((index) => index >= 0);
  const title = Math.max(0, cells.findIndex((cell) => "title" in cell.dataset));
  const others = labelled.filter((index) => index !== title);
  const later = new Set(labelled.length > FIRST + 1 ? others.filter((index) => !first(cells, others).includes(index)) : []);
  table.setAttribute("role", "table");
  for (const group of [table.tHead, ...table.tBodies]) group.setAttribute("role", "rowgroup");
  for (const row of table.rows) row.setAttribute("role", "row");
  for (const cell of cells) cell.setAttribute("role", "columnheader");
  for (const body of table.tBodies) {
    for (const row of body.rows) {
      [...row.cells].forEach((cell, index) => {
        cell.setAttribute("role", "cell");
        cell.dataset.label = cell.colSpan > 1 ? "" : (heads[index] ?? "");
        cell.classList.toggle("heading", index === title);
        cell.classList.toggle("later", later.has(index));
        cell.classList.toggle("blank", !cell.textContent.trim() && !cell.querySelector("input"));
      });
    }
  }
  return later.size;
}

// Columns shown at once besides the title: those that say so, else the next one and the first two numbers.
function first(cells, others) {
  const named = others.filter((index) => "main" in cells[index].dataset);
  if (named.length) return named;
  const numbers = others.slice(1).filter((index) => cells[index].classList.contains("n"));
  return [...new Set([others[0], ...numbers.slice(0, FIRST - 2), ...others])].slice(0, FIRST - 1);
}
