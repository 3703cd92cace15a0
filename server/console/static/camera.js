// A badge's photo by the computer's camera: seen, taken, looked at, kept. It goes into the form's own file field, so it is sent like a chosen file.
// The stream is given to <video> as an object and the picture drawn on a canvas: the content security policy stays as it is.
const language = document.documentElement.lang;
const { default: words } = await import(`./words.${language}.js`);
const _ = (text) => words[text] ?? text;
const WIDTH = 600;
const HEIGHT = 800; // 3:4, what the badge's face shows
const QUALITY = 0.9;

for (const box of document.querySelectorAll("[data-camera]")) prepare(box);
document.addEventListener("fresh", (event) => {
  for (const box of event.target.querySelectorAll("[data-camera]")) prepare(box);
});

function prepare(box) {
  const form = box.closest("form");
  const part = (selector) => box.querySelector(selector);
  const [video, canvas] = [part("video"), part("canvas")];
  let stream = null;

  const problem = (text) => {
    part("[data-camera-problem]").textContent = text;
    part("[data-camera-problem]").hidden = !text;
  };
  const stage = (name) => { // off, live, taken
    part("[data-act=camera]").hidden = name !== "off";
    part(".viewfinder").hidden = name !== "live";
    part("[data-say]").hidden = name !== "live";
    part("[data-shoot]").hidden = name !== "live";
    canvas.hidden = name !== "taken";
    part("[data-keep]").hidden = name !== "taken";
  };
  const off = () => {
    for (const track of stream?.getTracks() ?? []) track.stop();
    stream = null;
    video.srcObject = null;
  };

  if (!navigator.mediaDevices?.getUserMedia) {
    problem(_("This browser gives no camera to this address (it wants https). Choose a picture instead."));
  } else part("[data-act=camera]").disabled = false; // as soon as it does something

  async function on() {
    problem("");
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: false, video: { facingMode: "user", width: { ideal: 1280 }, height: { ideal: 960 } } });
      video.srcObject = stream;
      await video.play();
      stage("live");
      part("[data-act=shoot]").focus();
    } catch (error) {
      off();
      stage("off");
      problem(why(error));
    }
  }

  function shoot() {
    const [width, height] = [video.videoWidth, video.videoHeight];
    if (!width) return problem(_("The camera shows nothing yet: wait a moment."));
    const cut = Math.min(width, (height * WIDTH) / HEIGHT);
    const tall = (cut * HEIGHT) / WIDTH;
    [canvas.width, canvas.height] = [WIDTH, HEIGHT];
    canvas.getContext("2d").drawImage(video, (width - cut) / 2, (height - tall) / 2, cut, tall, 0, 0, WIDTH, HEIGHT);
    off();
    stage("taken");
    part("[data-act=keep-photo]").focus();
    return undefined;
  }

  async function keep() {
    const blob = await new Promise((resolve) => { canvas.toBlob(resolve, "image/jpeg", QUALITY); });
    const files = new DataTransfer();
    files.items.add(new File([blob], "photo.jpg", { type: "image/jpeg" }));
    const field = form.querySelector("input[type=file]");
    field.files = files.files;
    field.dispatchEvent(new Event("change", { bubbles: true })); // badges.js sends it
  }

  box.addEventListener("click", (event) => {
    const act = event.target.closest("button")?.dataset.act;
    if (act === "camera" || act === "again") on();
    else if (act === "shoot") shoot();
    else if (act === "keep-photo") keep();
    else if (act === "camera-off") {
      off();
      stage("off");
    }
  });
  window.addEventListener("pagehide", off);
}

function why(error) {
  if (error.name === "NotAllowedError") return _("The browser was not allowed to use the camera. Allow it beside the address, or choose a picture.");
  if (error.name === "NotFoundError" || error.name === "OverconstrainedError") return _("No camera is connected. Plug one in, or choose a picture.");
  if (error.name === "NotReadableError") return _("The camera is in use by another program. Close it, or choose a picture.");
  return _("The camera does not start. Choose a picture instead.");
}
