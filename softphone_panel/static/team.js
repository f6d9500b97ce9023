// The place is asked for only when somebody clicks for it; without this file the page does everything else.
"use strict";
for (const button of document.querySelectorAll("[data-place]")) {
  if (!navigator.geolocation) continue;
  button.hidden = false;
  button.addEventListener("click", () => {
    const form = button.form, said = form.querySelector("[data-placed]");
    navigator.geolocation.getCurrentPosition((found) => {
      form.latitude.value = found.coords.latitude.toFixed(5);
      form.longitude.value = found.coords.longitude.toFixed(5);
      said.textContent = said.dataset.placed;
    }, () => { said.textContent = said.dataset.noPlace; }, { enableHighAccuracy: true, timeout: 15000 });
  });
}
