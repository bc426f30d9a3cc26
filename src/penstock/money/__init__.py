"""Balance sheets, claims and failure: ledger, funding, clearing, credit, valuation."""
