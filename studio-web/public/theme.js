// Before the first paint, so that a remembered dark choice does not flash white.
try {
  const chosen = localStorage.getItem("penstock-theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // no store: the system's choice stands
}
