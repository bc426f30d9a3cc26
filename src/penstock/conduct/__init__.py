"""How firms and the state behave: investment, making instead of buying, rescue."""
