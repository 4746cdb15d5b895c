// Arrow keys move between the numbers of the table. Everything works without.
document.addEventListener("keydown", function (e) {
  var step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[e.key];
  var cell = e.target.closest && e.target.closest(".matrix td[data-m]");
  if (!step || !cell || e.ctrlKey || e.altKey || e.metaKey || e.shiftKey) return;
  var rows = Array.prototype.slice.call(cell.closest("table").rows);
  var row = rows.indexOf(cell.parentNode) + step[0], month = Number(cell.dataset.m) + step[1];
  for (; row > 0 && row < rows.length && month > 0 && month < 14; row += step[0], month += step[1]) {
    var link = rows[row].querySelector('td[data-m="' + month + '"] a');
    if (link) {
      e.preventDefault();
      link.focus();
      return;
    }
  }
});

// Where a table is wider than its window, the latest month that has something is in view.
document.querySelectorAll(".scroll").forEach(function (box) {
  var last = null;
  box.querySelectorAll(".matrix td[data-m] a, .amounts tr:not(.bars) > td:not(.total)").forEach(function (e) {
    var cell = e.closest("td");
    if (!cell.querySelector(".dim") && cell.textContent && (!last || cell.offsetLeft > last.offsetLeft)) last = cell;
  });
  if (!last) return;
  box.scrollLeft = last.offsetLeft + last.offsetWidth - box.clientWidth;
  // The first month beside the columns that stay is shown whole: half an amount is another one.
  var side = 0, cells = Array.prototype.slice.call(last.parentNode.cells);
  cells.forEach(function (e) {
    if (getComputedStyle(e).position === "sticky") side = Math.max(side, e.getBoundingClientRect().right - box.getBoundingClientRect().left);
  });
  cells = cells.filter(function (e) { return e.offsetLeft >= box.scrollLeft + side - 1 && getComputedStyle(e).position !== "sticky"; });
  if (box.scrollLeft && cells.length) box.scrollLeft = cells[0].offsetLeft - side;
});
