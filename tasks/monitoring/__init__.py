"""Watch the champion: new rows and late labels against its reference, the page, and what an alarm asks for."""
