// The page loads itself again, and asks for the place when somebody clicks for it; without this file it does everything else.
"use strict";
const reloadS = Number(document.body.dataset.reloadS || 0);
if (reloadS) {
  // Never under somebody's hands: what is typed or chosen stays.
  const touched = () => [...document.querySelectorAll("input:not([type=hidden])")].some((one) => one.value);
  setInterval(() => { if (!document.hidden && !touched()) location.reload(); }, reloadS * 1000);
}
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
