// Uploads with a progress bar. Without this script the same form is sent as a plain one.

const form = document.getElementById("upload");
const bar = document.getElementById("progress");
const status = document.getElementById("upload-status");
const button = form.querySelector("button");
const MOST = 10 * 1024 * 1024;

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const file = form.file.files[0];
  if (!file) return say("Choose a file first.", true);
  // The server checks this too; asking here spares the visitor the wait.
  if (file.size > MOST) return say(`${file.name} is larger than 10 MB.`, true);
  send(file);
});

function send(file) {
  // fetch() does not tell how much has been sent; XMLHttpRequest does.
  const request = new XMLHttpRequest();
  request.open("POST", "/api/files");
  request.responseType = "json";
  request.setRequestHeader("Accept", "application/json");
  request.upload.addEventListener("progress", (event) => {
    if (event.lengthComputable) bar.value = event.loaded / event.total;
  });
  request.addEventListener("load", () => (request.status === 201 ? shelve(request.response) : refuse(request.response)));
  request.addEventListener("error", () => refuse(null));
  request.addEventListener("loadend", () => {
    bar.hidden = true;
    button.disabled = false;
  });
  bar.value = 0;
  bar.hidden = false;
  button.disabled = true;
  say(`Sending ${file.name} …`);
  const content = new FormData();
  content.append("file", file);
  request.send(content);
}

function shelve(upload) {
  // The tile comes rendered and escaped by the same template that the page is made with.
  document.getElementById("tiles").insertAdjacentHTML("afterbegin", upload.tile);
  say(`${upload.name} is on the shelf.`);
  form.reset();
}

function refuse(problem) {
  say(problem?.detail ?? problem?.title ?? "The upload did not arrive. Try again.", true);
}

function say(text, isProblem = false) {
  status.textContent = text;
  status.classList.toggle("problem", isProblem);
}
