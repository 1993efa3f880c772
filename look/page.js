document.querySelectorAll("[data-copy]").forEach((button) => {
  button.addEventListener("click", async () => {
    const text = document.getElementById(button.dataset.copy);
    let said = "copied";
    try {
      await navigator.clipboard.writeText(text.textContent);
    } catch {
      getSelection().selectAllChildren(text); // browsers forbid the clipboard to some local files
      said = "selected";
    }
    document.getElementById("said").textContent = said;
    button.textContent = said;
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
});
