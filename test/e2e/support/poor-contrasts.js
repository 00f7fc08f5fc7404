/** In the browser: the texts whose contrast is below 4.5, by WCAG 2's formula, and how many there are. */
(() => {
  const colour = (css) => {
    const [r = 0, g = 0, b = 0, alpha = 1] = (css.match(/[\d.]+/g) ?? ['0', '0', '0', '0']).map(Number);
    return alpha === 0 ? undefined : [r, g, b];
  };
  const luminance = (of) => {
    const [r = 0, g = 0, b = 0] = of.map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    const rect = element.matches('svg g > text')
      ? element.parentElement?.querySelector(':scope > rect')
      : null;
    if (rect) return colour(getComputedStyle(rect).fill) ?? [255, 255, 255];
    for (let at = element; at !== null; at = at.parentElement) {
      const found = colour(getComputedStyle(at).backgroundColor);
      if (found !== undefined) return found;
    }
    return [255, 255, 255];
  };
  const hasText = (element) =>
    [...element.childNodes].some((node) => node.nodeType === 3 && (node.textContent ?? '').trim() !== '');
  const texts = [...document.body.querySelectorAll('*')].filter(
    (element) => hasText(element) && element.getBoundingClientRect().width > 0 && element.tagName !== 'title',
  );
  const found = texts.flatMap((element) => {
    const style = getComputedStyle(element);
    const ink = colour(element.tagName === 'text' ? style.fill : style.color) ?? [0, 0, 0];
    const [a, b] = [luminance(ink), luminance(behind(element))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    return contrast < 4.5 ? [`${element.tagName} ${element.textContent}: ${contrast.toFixed(2)}`] : [];
  });
  return { texts: texts.length, found };
})();
