// The theme: as the system, dark or light. Runs before the first paint, so that nothing flashes.
(function () {
  "use strict";
  const ORDER = ["system", "dark", "light"];
  const MARKS = { system: "◐", dark: "●", light: "○" };
  const read = () => {
    try {
      const kept = localStorage.getItem("okernel.theme");
      return ORDER.includes(kept) ? kept : "system";
    } catch {
      return "system";
    }
  };
  const apply = (theme) => {
    if (theme === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
  };
  let theme = read();
  apply(theme);
  const show = () => {
    const button = document.getElementById("theme");
    if (!button) return;
    button.textContent = MARKS[theme];
    button.setAttribute("aria-label", "Theme: " + (theme === "system" ? "as the system" : theme));
  };
  globalThis.okernelTheme = {
    show,
    next() {
      theme = ORDER[(ORDER.indexOf(theme) + 1) % ORDER.length];
      try {
        localStorage.setItem("okernel.theme", theme);
      } catch { /* a private window keeps nothing */ }
      apply(theme);
      show();
      dispatchEvent(new Event("themechange"));
    },
  };
})();
