// One figure on a page: its chart, choices, sentence, table and downloads.
// `element` holds .facets, .chart, figcaption, .actions and .table-wrap; see README.md.

import { csvText, jsonText, pngBlob, save, svgText } from "./export.js";
import { KINDS } from "./kinds.js";
import { chosenObjects, finding, openingChoice, unitOf } from "./rows.js";
import { stackWhereNarrow } from "./stack.js";
import { tableElement } from "./table.js";
import { theme } from "./theme.js";

export class FigureView {
  constructor(echarts, figure, element, page) {
    this.echarts = echarts;
    this.figure = figure;
    this.element = element;
    this.page = page;
    this.choice = openingChoice(figure);
    this.showPaths = false;
    this.chart = null;
    this.selects = new Map();
    this.box = element.querySelector(".chart");
    this.caption = element.querySelector("figcaption");
    this.unit = element.querySelector(".unit");
    this.wrap = element.querySelector(".table-wrap");
    this.addFacets();
    this.addActions();
    this.update();
    this.stacked = stackWhereNarrow(this.wrap);
  }

  addFacets() {
    const holder = this.element.querySelector(".facets");
    for (const facet of this.figure.facets) {
      if (facet.values.length < 2) continue;
      const label = document.createElement("label");
      label.append(`${facet.label} `);
      const select = document.createElement("select");
      for (const [value, text] of facet.values) select.add(new Option(text, value));
      select.addEventListener("change", () => this.page.choose(facet.column, select.value, this));
      this.selects.set(facet.column, select);
      label.append(select);
      holder.append(label);
    }
    if (this.figure.options.samples) {
      const label = document.createElement("label");
      const box = document.createElement("input");
      box.type = "checkbox";
      box.addEventListener("change", () => {
        this.showPaths = box.checked;
        this.draw();
      });
      label.append(box, ` ${this.figure.options.samples} sample paths`);
      label.className = "check";
      holder.append(label);
    }
  }

  addActions() {
    const holder = this.element.querySelector(".actions");
    const button = (text, action) => {
      const made = document.createElement("button");
      made.type = "button";
      made.className = "button";
      made.textContent = text;
      made.addEventListener("click", action);
      holder.append(made);
      return made;
    };
    const table = button("", () => {
      this.wrap.hidden = !this.wrap.hidden;
      label();
    });
    table.dataset.action = "table";
    table.setAttribute("aria-controls", this.wrap.id);
    const label = () => {
      table.textContent = this.wrap.hidden ? "Show table" : "Hide table";
      table.setAttribute("aria-expanded", String(!this.wrap.hidden));
    };
    label();
    const name = `penstock-${this.figure.id}`;
    const picture = () => svgText(this.echarts, this.figure, this.choice, this.showPaths, this.page.notice);
    button("CSV", () => save(`${name}.csv`, csvText(this.figure), "text/csv;charset=utf-8"));
    button("JSON", () => save(`${name}.json`, jsonText(this.figure, this.page.notice), "application/json"));
    button("SVG", () => save(`${name}.svg`, picture(), "image/svg+xml"));
    button("PNG", async () => save(`${name}.png`, await pngBlob(picture()), "image/png"));
    const copy = button("Copy as Python", () => this.copyPython(copy));
    for (const made of holder.children) made.setAttribute("aria-describedby", `${this.figure.id}-title`);
    this.element.querySelector("h3").id = `${this.figure.id}-title`;
  }

  async copyPython() {
    // a page that knows more of where it runs may say so
    const text = this.page.python ? this.page.python(this.figure.python) : this.figure.python;
    try {
      await navigator.clipboard.writeText(text);
      this.page.say("Python copied.");
    } catch {
      this.showPython(text);
    }
  }

  // Browsers refuse the clipboard to files opened from disk: show the text, selected, instead.
  showPython(text) {
    let area = this.element.querySelector("textarea.python");
    if (!area) {
      area = document.createElement("textarea");
      area.className = "python";
      area.readOnly = true;
      area.setAttribute("aria-label", "Python for this figure");
      this.element.querySelector(".actions").after(area);
    }
    area.value = text;
    area.rows = text.split("\n").length;
    area.focus();
    area.select();
    this.page.say("Python shown and selected: copy it with Ctrl or Command and C.");
  }

  choose(column, value) {
    const facet = this.figure.facets.find((entry) => entry.column === column);
    if (!facet || !facet.values.some(([known]) => known === value)) return;
    this.choice[column] = value;
    const select = this.selects.get(column);
    if (select) select.value = value;
    this.update();
  }

  update() {
    const text = finding(this.figure, this.choice);
    // a page may write the sentence and the table its own way
    if (this.page.tell) this.page.tell(text);
    else this.caption.textContent = text;
    this.box.setAttribute("aria-label", `${this.figure.title}. ${text}`);
    if (this.unit) this.unit.textContent = unitOf(this.figure, this.choice);
    const table = tableElement(this.figure, this.choice);
    if (this.page.dress) this.page.dress(table);
    this.wrap.replaceChildren(table);
    this.draw();
  }

  draw() {
    const width = Math.floor(this.box.clientWidth);
    if (!width) return;
    const rows = chosenObjects(this.figure, this.choice);
    const kind = KINDS[this.figure.kind];
    const height = kind.height(width, this.figure, rows);
    this.box.style.height = `${height}px`;
    const view = {
      figure: this.figure,
      rows,
      colours: theme(this.page.dark),
      width,
      showPaths: this.showPaths,
      unit: unitOf(this.figure, this.choice),
    };
    if (!this.chart) {
      this.chart = this.echarts.init(this.box, null, { renderer: "svg", width, height });
      if (this.page.pick) this.chart.on("click", (item) => this.page.pick(item));
    } else this.chart.resize({ width, height, silent: true });
    this.chart.setOption(kind.option(view), { notMerge: true, lazyUpdate: false });
    if (kind.after) kind.after(this.chart, view);
    this.drawnWidth = width;
  }

  resize() {
    if (Math.floor(this.box.clientWidth) !== this.drawnWidth) this.draw();
  }
}
