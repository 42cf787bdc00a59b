() => {
  // Marks the face, label and row under the pointer. Gradio shows a face's mask while the pointer is
  // over its label.
  const page = document.querySelector('.gradio-container');
  const all = (selector) => [...page.querySelectorAll(selector)];
  const number = (element) => element ? parseInt(element.innerText) : null;
  const numberOfRow = (row) => row && number(row.querySelector('[role=gridcell]'));
  const covers = (mask, event) => {
    const box = mask.getBoundingClientRect();
    const pen = document.createElement('canvas').getContext('2d');
    const scale = Math.min(box.width / mask.naturalWidth, box.height / mask.naturalHeight);
    const x = (event.clientX - box.x - box.width / 2) / scale + mask.naturalWidth / 2;
    const y = (event.clientY - box.y - box.height / 2) / scale + mask.naturalHeight / 2;
    pen.drawImage(mask, -x, -y);
    return pen.getImageData(0, 0, 1, 1).data[3] > 0;
  };
  const found = (event) => {
    const within = (selector) => event.target.closest?.(selector);
    if (!within('.shown .image-container'))
      return number(within('.shown .legend-item')) || numberOfRow(within('.faces [role=row]'));
    const i = all('.shown .mask').findIndex((mask) => covers(mask, event));
    return number(all('.shown .legend-item')[i]);
  };
  const mark = (event) => {
    const face = found(event);
    all('.faces [role=row]').forEach((row) =>
      row.classList.toggle('marked', face && numberOfRow(row) === face));
    all('.shown .legend-item').forEach((label) => {
      const on = number(label) === face;
      label.dispatchEvent(new MouseEvent(on ? 'mouseover' : 'mouseout', {bubbles: true}));
      label.classList.toggle('marked', on);
    });
  };
  for (const kind of ['click', 'mousemove']) page.addEventListener(kind, mark);
}
