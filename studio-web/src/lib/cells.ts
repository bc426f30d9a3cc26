// Moving about the numbers of a table by keyboard: Enter goes in, arrows go from number to number, Escape leads out.
export function cellKeys(event: KeyboardEvent): void {
  const wrap = event.currentTarget as HTMLElement;
  const cell = (event.target as HTMLElement).closest("td");
  const to = (place: Element | null | undefined): void => {
    const next = place?.querySelector<HTMLElement>("button");
    if (!next?.getClientRects().length) return;
    event.preventDefault();
    next.focus();
  };
  if (event.target === wrap && event.key === "Enter") to(wrap.querySelector("td:has(button)"));
  else if (!cell) return;
  else if (event.key === "Escape") wrap.focus();
  else if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
    const step = event.key === "ArrowRight" ? "nextElementSibling" : "previousElementSibling";
    let next = cell[step];
    while (next && !next.querySelector("button")?.getClientRects().length) next = next[step];
    to(next);
  } else if (event.key === "ArrowDown") to(cell.parentElement?.nextElementSibling?.children[cell.cellIndex]);
  else if (event.key === "ArrowUp") to(cell.parentElement?.previousElementSibling?.children[cell.cellIndex]);
}
