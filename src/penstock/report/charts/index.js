// The page of a report: reads the embedded data, mounts every figure, keeps theme and choices in step.

import { FigureView } from "./figure.js";
import { unpacked } from "./rows.js";

export { FigureView } from "./figure.js";
export { KINDS } from "./kinds.js";
export { theme } from "./theme.js";

const STORE = "penstock-theme";

class Page {
  constructor(echarts, data) {
    this.notice = data.notice;
    this.printing = false;
    this.system = window.matchMedia("(prefers-color-scheme: dark)");
    this.toggle = document.getElementById("theme-toggle");
    this.status = document.getElementById("status");
    this.dark = this.wantsDark();
    this.views = [];
    for (const figure of data.figures) {
      const element = document.querySelector(`[data-figure="${figure.id}"]`);
      if (element) this.views.push(new FigureView(echarts, unpacked(figure), element, this));
    }
    this.listen();
    this.labelToggle();
  }

  wantsDark() {
    if (this.printing) return false;
    const chosen = document.documentElement.dataset.theme;
    return chosen ? chosen === "dark" : this.system.matches;
  }

  listen() {
    this.system.addEventListener("change", () => this.retheme());
    window.addEventListener("beforeprint", () => this.print(true));
    window.addEventListener("afterprint", () => this.print(false));
    window.matchMedia("print").addEventListener("change", (event) => this.print(event.matches));
    this.toggle.hidden = false;
    this.toggle.addEventListener("click", () => {
      const next = this.wantsDark() ? "light" : "dark";
      document.documentElement.dataset.theme = next;
      try {
        localStorage.setItem(STORE, next);
      } catch {
        // a browser may keep no store for files: the choice then lasts as long as the page
      }
      this.retheme();
    });
    let waiting = 0;
    new ResizeObserver(() => {
      cancelAnimationFrame(waiting);
      waiting = requestAnimationFrame(() => this.views.forEach((view) => view.resize()));
    }).observe(document.getElementById("main"));
  }

  labelToggle() {
    this.toggle.textContent = this.wantsDark() ? "Light colours" : "Dark colours";
  }

  print(on) {
    if (this.printing === on) return;
    this.printing = on;
    this.retheme();
  }

  retheme() {
    this.labelToggle();
    const dark = this.wantsDark();
    if (dark === this.dark && !this.printing) return;
    this.dark = dark;
    this.views.forEach((view) => view.draw());
  }

  // A scenario chosen in one figure holds for all; other choices stay with their figure.
  choose(column, value, from) {
    const views = column === "scenario" ? this.views : [from];
    views.forEach((view) => view.choose(column, value));
  }

  say(text) {
    this.status.textContent = text;
  }
}

export function mountReport(echarts = globalThis.echarts) {
  const source = document.getElementById("report-data");
  if (!source || !echarts) return null;
  return new Page(echarts, JSON.parse(source.textContent));
}

if (typeof document !== "undefined" && document.getElementById("report-data")) mountReport();
