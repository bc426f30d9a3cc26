"""The report of a run: one offline HTML file with its figures, tables and notice.

`write_report(run, path)` in `penstock.report.html` writes it.
"""
