"""How the page of a report looks, and how its table is sorted."""

STYLE = """
:root { color-scheme: light; }
body { margin: 0; background: #fff; color: #1d2327;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 28px 24px 60px; }
h1 { font-size: 28px; margin: 0; }
h2 { font-size: 20px; margin: 36px 0 10px; padding-bottom: 4px;
  border-bottom: 1px solid #d8dde2; }
h3 { font-size: 15px; margin: 0 0 4px; }
p { margin: 4px 0; }
.quiet, figcaption { color: #5a6570; font-size: 13px; }
code { font-size: 13px; }
table { border-collapse: collapse; }
.number { text-align: right; font-variant-numeric: tabular-nums;
  white-space: nowrap; }
.figures td { padding: 2px 14px 2px 0; vertical-align: baseline; }
.figures th { text-align: left; padding: 12px 0 2px; color: #00639a; }
.figures td:nth-child(2) { font-weight: 600; font-size: 16px; }
.charts { display: grid; gap: 26px 34px;
  grid-template-columns: repeat(auto-fill, minmax(340px, 1fr)); }
figure { margin: 0; break-inside: avoid; }
svg { width: 100%; height: auto; display: block; }
svg text { font-size: 12px; fill: #3c454d; }
svg .grid { stroke: #e6eaed; fill: none; }
svg .upright { stroke: #1d2327; stroke-dasharray: 2 3; fill: none; }
.matrix { margin: 26px 0 12px; }
.matrix th, .matrix td { padding: 8px 12px; text-align: center;
  font-weight: 500; }
.matrix td:not(.quiet) { border: 1px solid #fff; min-width: 46px;
  font-size: 16px; font-variant-numeric: tabular-nums; }
.case { margin: 14px 0 20px; }
.panels { display: grid; grid-auto-flow: column; gap: 6px; margin-top: 4px;
  grid-auto-columns: minmax(0, 1fr); }
.panels span { display: block; color: #5a6570; font-size: 12px; }
.panels img { width: 100%; display: block; border-radius: 3px; }
.scales span { margin-right: 26px; }
.scales i { display: inline-block; width: 110px; height: 10px;
  border-radius: 2px; margin: 0 3px; }
.scales .swatch { width: 12px; height: 12px; vertical-align: -1px; }
.images { width: 100%; font-size: 13px; }
.images th { text-align: left; position: sticky; top: 0; background: #fff;
  border-bottom: 1px solid #aab3bb; padding: 0; }
.images button { font: inherit; font-weight: 600; color: inherit; border: 0;
  background: none; padding: 6px 8px 6px 0; cursor: pointer; }
.images th[aria-sort=ascending] button::after { content: " ▲"; }
.images th[aria-sort=descending] button::after { content: " ▼"; }
.images td { padding: 3px 8px 3px 0; border-bottom: 1px solid #eef1f3; }
.images th:nth-child(n + 4) { text-align: right; }
.wrong { color: #b34400; }
@media print {
  main { max-width: none; padding: 0; }
  body { font-size: 11px; -webkit-print-color-adjust: exact;
    print-color-adjust: exact; }
  .charts { grid-template-columns: 1fr 1fr; }
  .images th { position: static; }
}
"""

SCRIPT = """
for (const button of document.querySelectorAll('.images button')) {
  button.onclick = () => {
    const head = button.parentElement, table = head.closest('table');
    const up = head.getAttribute('aria-sort') !== 'ascending';
    const place = head.cellIndex, body = table.tBodies[0];
    for (const other of head.parentElement.cells)
      other.removeAttribute('aria-sort');
    head.setAttribute('aria-sort', up ? 'ascending' : 'descending');
    const text = row => row.cells[place].textContent;
    const rows = [...body.rows].sort((a, b) =>
      text(a).localeCompare(text(b), undefined, {numeric: true}));
    body.append(...(up ? rows : rows.reverse()));
  };
}
"""
