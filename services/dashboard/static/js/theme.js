/* Before the first paint: the theme that was chosen here, so that the page does not flash. */
try {
  const { theme } = JSON.parse(localStorage.getItem("undertone") ?? "{}");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage is off: the system's theme it is.
}
