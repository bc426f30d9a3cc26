// A tooltip built of elements, never of HTML text: names come from data.

export function tooltipBase(colours) {
  return {
    confine: true,
    transitionDuration: 0,
    backgroundColor: colours.raised,
    borderColor: colours.strongLine,
    borderWidth: 1,
    padding: [8, 10],
    textStyle: { color: colours.ink, fontFamily: colours.font, fontSize: 13 },
  };
}

export function tooltipBody(heading, lines) {
  const box = document.createElement("div");
  const head = document.createElement("div");
  head.textContent = heading;
  head.style.fontWeight = "600";
  box.append(head);
  for (const line of lines) {
    const row = document.createElement("div");
    row.textContent = line;
    row.style.whiteSpace = "normal";
    box.append(row);
  }
  return box;
}
