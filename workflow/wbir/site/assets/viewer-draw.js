// Drawing of slices: decoding of packed volumes, colours, orientation. Holds no state of the page.
"use strict";
window.wbirDraw = (function () {
  // Packed volumes are base64 of zlib-deflated bytes, first axis fastest.
  async function decode(text, length) {
    const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
    if (bytes.length !== length) throw new Error(`a volume of ${length} voxels, got ${bytes.length}`);
    return bytes;
  }

  // Diverging colours from blue over white to red (difference), from violet over white to orange (Jacobian).
  function diverging(low, high) {
    const table = new Uint8ClampedArray(256 * 3);
    for (let i = 0; i < 256; i += 1) {
      const t = (i / 255) * 2 - 1;
      const end = t < 0 ? low : high;
      for (let c = 0; c < 3; c += 1) table[3 * i + c] = 247 + (end[c] - 247) * Math.abs(t) ** 0.8;
    }
    return table;
  }
  const DIFFERENCE = diverging([33, 90, 168], [178, 34, 34]);
  const JACOBIAN = diverging([84, 39, 136], [196, 95, 0]);
  const FOLD = [255, 0, 128];

  // A slice across `axis`: u runs to the right and v upwards along the other axes, in their order.
  function plane(shape, axis) {
    const [u, v] = shape.length === 2 ? [0, 1] : [0, 1, 2].filter((a) => a !== axis);
    return { u, v, width: shape[u], height: shape[v] };
  }

  // Fill an ImageData-sized RGBA array of a slice; `colour(voxel, out, at)` writes three bytes.
  function fill(pixels, shape, axis, index, colour) {
    const { u, v, width, height } = plane(shape, axis);
    const strides = [1, shape[0], shape[0] * shape[1]];
    const base = shape.length === 2 ? 0 : index * strides[axis];
    for (let row = 0; row < height; row += 1) {
      let voxel = base + (height - 1 - row) * strides[v];
      let at = row * width * 4;
      for (let column = 0; column < width; column += 1) {
        colour(voxel, pixels, at);
        pixels[at + 3] = 255;
        voxel += strides[u];
        at += 4;
      }
    }
  }

  function grey(volume, low, high) {
    const scale = 255 / Math.max(high - low, 1e-9);
    return (voxel, out, at) => { out[at] = out[at + 1] = out[at + 2] = (volume[voxel] - low) * scale; };
  }

  function mapped(table, code) {
    return (voxel, out, at) => {
      const index = 3 * Math.max(0, Math.min(255, Math.round(code(voxel))));
      out[at] = table[index]; out[at + 1] = table[index + 1]; out[at + 2] = table[index + 2];
    };
  }

  function jacobian(codes) {
    const inner = mapped(JACOBIAN, (voxel) => ((codes[voxel] - 1) / 254) * 255);
    return (voxel, out, at) => {
      if (codes[voxel] === 0) { out[at] = FOLD[0]; out[at + 1] = FOLD[1]; out[at + 2] = FOLD[2]; } else inner(voxel, out, at);
    };
  }

  function gradient(table) {
    const stops = [0, 64, 128, 191, 255].map((i) => `rgb(${table[3 * i]}, ${table[3 * i + 1]}, ${table[3 * i + 2]})`);
    return `linear-gradient(to right, ${stops.join(", ")})`;
  }

  return { decode, plane, fill, grey, mapped, jacobian, DIFFERENCE, gradients: { difference: gradient(DIFFERENCE), jacobian: gradient(JACOBIAN) } };
})();
