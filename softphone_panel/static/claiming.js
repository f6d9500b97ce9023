// A ticket's page: Alt+C claims it; while somebody types in a field it only brings the button into view.
"use strict";
(() => {
  document.addEventListener("keydown", (event) => {
    if (!event.altKey || event.ctrlKey || event.metaKey || event.code !== "KeyC") return;
    const button = document.getElementById("claim-take");
    if (!button) return;
    event.preventDefault();
    if (document.activeElement?.matches("input:not([type=checkbox], [type=radio]), textarea")) button.scrollIntoView({ block: "nearest" });
    else button.click();
  });
})();
