// Setting up the second factor: what the first step's answer shows, the second asks for.
const $ = (id) => document.getElementById(id);

document.addEventListener("sent", (event) => {
  if (event.target.id !== "begin-factor") return;
  event.preventDefault();
  const { secret, qr } = event.detail.told;
  $("qr").src = qr;
  $("totp-secret").textContent = secret.match(/.{1,4}/g).join(" ");
  event.target.hidden = true;
  event.target.reset();
  $("enrol").hidden = false;
  $("enrol").querySelector("input[name=code]").focus();
});
