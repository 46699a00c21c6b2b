// A picture is as high as it is wide enough.
document.querySelectorAll("iframe").forEach(frame => {
  const fit = () => {
    frame.style.height = frame.contentDocument.documentElement.scrollHeight + 4 + "px";
  };
  frame.onload = fit;
  if (frame.contentDocument.readyState === "complete") fit();
});
document.querySelectorAll("table.rows").forEach(table => {
  const body = table.tBodies[0];
  // A click on a head sorts by it, a second one the other way round.
  [...table.tHead.rows[0].cells].forEach((head, column) => head.onclick = () => {
    const sign = head.dataset.sign = -(head.dataset.sign || 1);
    const numeric = head.classList.contains("n");
    const value = row => {
      const cell = row.cells[column];
      return numeric ? (cell.dataset.n === "" ? -Infinity : +cell.dataset.n) : cell.textContent;
    };
    [...body.rows]
      .sort((a, b) => {
        const [x, y] = [value(a), value(b)];
        return numeric ? sign * ((x > y) - (x < y)) : -sign * x.localeCompare(y);
      })
      .forEach(row => body.append(row));
    unfold();
  });
  const section = table.closest("section");
  const more = section.querySelector(".more");
  const unfold = () => { table.classList.add("all"); if (more) more.hidden = true; };
  if (more) more.onclick = unfold;
  section.querySelector("input").oninput = event => {
    const wanted = event.target.value.toLowerCase();
    if (wanted) unfold();
    [...body.rows].forEach(row =>
      row.classList.toggle("hidden", !row.querySelector(".name").textContent.toLowerCase().includes(wanted)));
  };
});
