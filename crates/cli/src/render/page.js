// Shows the time and the values under the pointer, read back from the chart's own paths.
"use strict";
const tip = document.getElementById("tip");
for (const area of document.querySelectorAll(".area")) {
  const points = (path) => [...path.getAttribute("d").matchAll(/([\d.]+) ([\d.]+)/g)].map((m) => [+m[1], +m[2]]);
  let line, cursor;
  const show = (event) => {
    line ??= points(area.querySelector(".line"));
    if (!line.length) return;
    const box = area.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * 1000;
    let nearest = line[0];
    for (const point of line) if (Math.abs(point[0] - x) < Math.abs(nearest[0] - x)) nearest = point;
    const { first, last, low, high } = area.dataset;
    const time = new Date(+first + (nearest[0] / 1000) * (last - first));
    const share = (0.97 - nearest[1] / 100) / 0.94;
    const value = +low + share * (high - low);
    tip.textContent = `${time.toISOString().replace("T", " ").slice(0, 19)}   ${+value.toPrecision(4)}`;
    tip.hidden = false;
    tip.style.left = Math.min(event.clientX + 12, innerWidth - tip.offsetWidth - 8) + "px";
    tip.style.top = Math.max(event.clientY - 34, 4) + "px";
    if (!cursor) area.append((cursor = Object.assign(document.createElement("i"), { className: "cursor" })));
    cursor.style.left = nearest[0] / 10 + "%";
  };
  const hide = () => { tip.hidden = true; cursor?.remove(); cursor = undefined; };
  area.addEventListener("pointermove", show);
  area.addEventListener("pointerdown", show);
  area.addEventListener("pointerleave", hide);
}
