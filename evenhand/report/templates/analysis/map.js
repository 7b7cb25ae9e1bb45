"use strict";
// The map, its list, curves and downloads. All text goes into the page as text, never as markup.
(() => {
  const D = JSON.parse(document.getElementById("data").textContent);
  const $ = (id) => document.getElementById(id);
  const make = (tag, text, attributes) => {
    const node = document.createElement(tag);
    if (text !== undefined && text !== null) node.textContent = text;
    for (const [key, value] of Object.entries(attributes || {})) node.setAttribute(key, value);
    return node;
  };
  const SVG = "http://www.w3.org/2000/svg";
  const draw = (tag, attributes, text) => {
    const node = document.createElementNS(SVG, tag);
    for (const [key, value] of Object.entries(attributes || {})) node.setAttribute(key, value);
    if (text !== undefined) node.textContent = text;
    return node;
  };
  const option = (select, value, text) => select.append(make("option", text, { value }));
  const whole = (n) => Math.round(n).toLocaleString("en");
  const short = (n) => (n >= 100 ? whole(n) : n >= 10 ? n.toFixed(1) : n.toFixed(2));
  const percent = (p) => `${Math.round(100 * p)} %`;
  const COLOURS = 6;
  const state = { klass: 0, measure: "", at: 0, selected: null };

  // --- what is measured -------------------------------------------------------------------------------------------
  const kinds = [];
  if (D.cells) {
    kinds.push({ id: "recorded", name: "Recorded, by cell", level: "cell" });
    kinds.push({ id: "rate", name: "Recorded per km² and year, by cell", level: "cell" });
  }
  if (D.hotspots) {
    kinds.push({ id: "expected", name: `Expected in the coming ${D.hotspots.window}, by cell`, level: "cell" });
    kinds.push({ id: "chance", name: `Chance to be among the top ${D.hotspots.share}, by cell`, level: "cell" });
  }
  if (D.areas && D.cells) kinds.push({ id: "area", name: "Recorded and forecast, by area", level: "area" });
  if (!kinds.length) return;
  const kind = () => kinds.find((one) => one.id === state.measure);
  const hotClass = () => (D.hotspots ? D.hotspots.of[state.klass] : null);

  const cellValue = (i) => {
    if (state.measure === "recorded" || state.measure === "rate") {
      const row = D.cells.counts[state.klass][i];
      if (row === undefined) return null;
      const n = row[state.at];
      if (n === null) return null;
      return state.measure === "rate" ? n / D.cells.km2 : n;
    }
    const hot = hotClass();
    const row = hot && hot.cells[i];
    return row ? (state.measure === "expected" ? row[0] : row[5]) : null;
  };
  const areaValue = (a) => {
    const of = D.areas.of[state.klass];
    if (!of || !of.seen[a]) return null;
    const past = D.areas.past.length;
    return state.at < past ? of.seen[a][state.at] : of.mean[a][state.at - past];
  };
  const valueText = (value) => {
    if (value === null) return "not shown";
    if (state.measure === "chance") return percent(value);
    if (state.measure === "expected" || (state.measure === "area" && state.at >= D.areas.past.length)) return short(value);
    return whole(value);
  };

  // --- controls ---------------------------------------------------------------------------------------------------
  D.classes.forEach((name, c) => option($("class"), c, name));
  kinds.forEach((one) => option($("measure"), one.id, one.name));
  const start = D.hotspots ? "expected" : kinds[0].id;
  state.measure = start;
  $("measure").value = start;
  if (D.start) { state.klass = D.start; $("class").value = D.start; }

  const steps = () => {
    if (state.measure === "recorded" || state.measure === "rate") return D.cells.years;
    if (state.measure === "area") return [...D.areas.past, ...D.areas.coming.map((t) => `${t}, forecast`)];
    return [];
  };
  const setSteps = () => {
    const names = steps();
    $("time-label").hidden = names.length < 2;
    $("time").max = Math.max(0, names.length - 1);
    const at = state.measure === "area" ? D.areas.past.length : names.length - 1;
    state.at = Math.max(0, at);
    $("time").value = state.at;
    $("time-name").textContent = state.measure === "area" ? D.areas.period : "Year";
  };

  // --- the map ----------------------------------------------------------------------------------------------------
  const G = D.grid;
  const corners = (i) => {
    const number = D.cells.cells[i];
    const row = Math.floor(number / G.columns), column = number % G.columns;
    const south = G.south + row * G.north_step, west = G.west + column * G.east_step;
    return [[south, west], [south + G.north_step, west + G.east_step]];
  };
  const cellName = (i) => {
    const area = D.cells.area[i];
    const [[s, w], [n, e]] = corners(i);
    const where = `${((s + n) / 2).toFixed(4)}, ${((w + e) / 2).toFixed(4)}`;
    return area >= 0 && D.names ? `${D.names[area]} (${where})` : where;
  };
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const map = L.map("map", { preferCanvas: true, zoomSnap: 0.25, maxZoom: 18, attributionControl: Boolean(D.tiles), tap: false });
  if (D.tiles) L.tileLayer(D.tiles, { maxZoom: 18, opacity: 0.6 }).addTo(map);
  L.control.scale({ imperial: false }).addTo(map);
  const rectangles = D.cells.cells.map((_, i) =>
    L.rectangle(corners(i), { stroke: false, fillOpacity: 1, weight: 2 })
      .on("click", () => select(kind().level === "area" ? { area: D.cells.area[i] } : { cell: i }))
      .bindTooltip(() => tip(i), { sticky: true })
      .addTo(map));
  map.fitBounds(D.view);
  const ring = L.circleMarker([0, 0], { radius: 11, weight: 3, fill: false, interactive: false });
  const tip = (i) => {
    const box = document.createElement("span");
    const area = D.cells.area[i];
    if (kind().level === "area") {
      box.textContent = area < 0 ? "no area" : `${D.names[area]}: ${valueText(areaValue(area))}`;
    } else box.textContent = `${cellName(i)}: ${valueText(cellValue(i))}`;
    return box;
  };

  let edges = [], values = [];
  const binOf = (value) => edges.findIndex((edge) => value <= edge);
  const setEdges = () => {
    const found = values.filter((v) => v !== null && v > 0).sort((a, b) => a - b);
    const distinct = [...new Set(found)];
    if (distinct.length <= COLOURS) { edges = distinct; return; }
    const cuts = [0.3, 0.55, 0.75, 0.9, 0.97, 1].map((q) => found[Math.min(found.length - 1, Math.ceil(q * found.length) - 1)]);
    edges = [...new Set(cuts)];
  };
  const shade = (bin) => Math.min(COLOURS - 1, bin + COLOURS - edges.length);
  const paint = () => {
    const area = kind().level === "area";
    values = area ? D.names.map((_, a) => areaValue(a)) : D.cells.cells.map((_, i) => cellValue(i));
    setEdges();
    const hot = hotClass();
    const sure = state.measure === "expected" || state.measure === "chance";
    rectangles.forEach((rectangle, i) => {
      const value = area ? (D.cells.area[i] < 0 ? null : values[D.cells.area[i]]) : values[i];
      const bin = value === null || value <= 0 ? -1 : binOf(value);
      const chance = sure && hot && hot.cells[i] ? hot.cells[i][5] : null;
      const marked = state.selected && (area ? state.selected.area === D.cells.area[i] && D.cells.area[i] >= 0 : state.selected.cell === i);
      rectangle.setStyle({
        fillColor: bin < 0 ? colour("--land") : colour(`--b${shade(bin)}`),
        fillOpacity: bin < 0 ? 0.55 : chance !== null && chance < 0.5 ? 0.55 : 0.95,
        stroke: chance !== null && chance >= 0.8,
        color: colour("--line-1"),
        weight: 2,
      });
      if (marked && area) rectangle.setStyle({ fillOpacity: 1, stroke: true, color: colour("--line-1"), weight: 1 });
    });
    ring.remove();
    if (state.selected && state.selected.cell !== undefined && !area) {
      ring.setStyle({ color: colour("--ink") }).setLatLng(L.latLngBounds(corners(state.selected.cell)).getCenter()).addTo(map);
    }
    legend(sure);
    list(area);
    $("time-text").textContent = steps()[state.at] || "";
    $("about").textContent = about(area, sure);
  };
  const swatch = (css) => {
    const svg = draw("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" });
    svg.append(draw("rect", { x: 1, y: 1, width: 14, height: 14, class: css }));
    return svg;
  };
  const legend = (sure) => {
    const items = edges.map((edge, bin) => {
      const low = bin ? edges[bin - 1] : 0;
      const text = bin && edges[bin] - low > 1 && state.measure !== "chance" && Number.isInteger(edge) ? `${whole(low + 1)} to ${valueText(edge)}` : bin ? `to ${valueText(edge)}` : `up to ${valueText(edge)}`;
      return [`f${shade(bin)}`, text];
    });
    items.unshift(["f-hid", D.suppress && kind().level === "cell" ? `none, or not shown (fewer than ${D.suppress})` : "none"]);
    if (sure) { items.push(["f-ring", "80 % or more sure to be among the top"]); items.push(["f-pale", "paler: less than 50 % sure"]); }
    $("legend").replaceChildren(...items.map(([css, text]) => { const li = make("li"); li.append(swatch(css), text); return li; }));
  };
  const about = (area, sure) => {
    const name = D.classes[state.klass];
    if (sure && !hotClass()) return D.refused[name] || `${name}: no hotspots, since they are judged class by class. Choose a class.`;
    if (sure) return hotClass().sentence;
    if (area) return D.areas.of[state.klass] ? D.areas.sentence : `${name}: no forecast.`;
    return `${name}, recorded in ${steps()[state.at]}. Cells of ${D.cells.side} m.`;
  };
  const list = (area) => {
    const order = values.map((v, i) => [v, i]).filter(([v]) => v !== null && v > 0).sort((a, b) => b[0] - a[0] || a[1] - b[1]).slice(0, 20);
    $("list-name").textContent = area ? "Areas with the most" : "Cells with the most";
    $("list").replaceChildren(...order.map(([v, i]) => {
      const button = make("button", `${area ? D.names[i] : cellName(i)}: ${valueText(v)}`, { type: "button" });
      const current = state.selected && (area ? state.selected.area === i : state.selected.cell === i);
      if (current) button.setAttribute("aria-current", "true");
      button.addEventListener("click", () => {
        select(area ? { area: i } : { cell: i });
        if (!area) map.panTo(L.latLngBounds(corners(i)).getCenter());
      });
      const li = make("li"); li.append(button); return li;
    }));
    if (!order.length) $("list").replaceChildren(make("li", "Nothing to show."));
  };
  const facts = (pairs) => {
    const dl = make("dl");
    for (const [name, text] of pairs) dl.append(make("dt", name), make("dd", text));
    return dl;
  };
  const select = (what) => { state.selected = what; paint(); details(); };
  const details = () => {
    const what = state.selected;
    if (!what) return;
    const box = $("details");
    if (what.cell !== undefined) {
      const i = what.cell, hot = hotClass(), row = hot && hot.cells[i];
      const counts = D.cells.counts[state.klass][i];
      const pairs = [["Class", D.classes[state.klass]]];
      if (row) {
        pairs.push([`Expected, ${D.hotspots.window}`, short(row[0])], ["80 % interval", `${row[1]} to ${row[2]}`], ["95 % interval", `${row[3]} to ${row[4]}`]);
        pairs.push([`Among the top ${D.hotspots.share}`, `${percent(row[5])} sure`]);
      } else if (D.hotspots) pairs.push(["Forecast", hot ? `not shown: fewer than ${D.suppress} in the years that are counted` : "none for this class"]);
      if (D.cells.marked[state.klass] && D.cells.marked[state.klass].includes(i)) pairs.push(["Past", "significantly many (Gi*)"]);
      box.replaceChildren(make("h3", cellName(i)), facts(pairs), bars(D.cells.years, counts || D.cells.years.map(() => null)));
    } else if (what.area >= 0) {
      const of = D.areas.of[state.klass], pairs = [["Class", D.classes[state.klass]]];
      if (of && of.mean[what.area]) D.areas.coming.forEach((t, h) => pairs.push([t, `${short(of.mean[what.area][h])} (80 %: ${of.bounds[0][what.area][h]} to ${of.bounds[1][what.area][h]})`]));
      box.replaceChildren(make("h3", D.names[what.area]), facts(pairs));
      if ($("curve-area")) { $("curve-area").value = what.area; curve(); }
    }
  };
  const bars = (names, counts) => {
    const svg = draw("svg", { viewBox: "0 0 300 120", role: "img", "aria-label": `Recorded by year: ${names.map((n, k) => `${n} ${counts[k] === null ? `fewer than ${D.suppress}` : counts[k]}`).join(", ")}` });
    const most = Math.max(D.suppress, ...counts.map((c) => c || 0)), width = 290 / names.length;
    counts.forEach((count, k) => {
      const height = (85 * (count === null ? D.suppress : count)) / most;
      svg.append(draw("rect", { x: 5 + k * width, y: 100 - height, width: width - 3, height, class: count === null ? "hid" : "bar" }));
      svg.append(draw("text", { x: 5 + (k + 0.5) * width - 1, y: 96 - height, "text-anchor": "middle" }, count === null ? `<${D.suppress}` : count));
      if (names.length < 12 || k % 2 === 0) svg.append(draw("text", { x: 5 + (k + 0.5) * width - 1, y: 113, "text-anchor": "middle" }, names[k]));
    });
    return svg;
  };

  // --- curves and hours -------------------------------------------------------------------------------------------
  const curve = () => {
    if (!$("curve-area")) return;
    const chosen = Number($("curve-area").value), of = D.areas.of[state.klass];
    if (!of) { $("curve").replaceChildren(make("p", "No forecast for this class.")); return; }
    const all = chosen < 0;
    const seen = all ? of.city_seen : of.seen[chosen], mean = all ? of.city_mean : of.mean[chosen];
    const bounds = of.bounds.length ? (all ? of.city_bounds : of.bounds.map((b) => b[chosen])) : null;
    const n = seen.length + mean.length, width = Math.max(360, Math.min(1100, $("curve").clientWidth || 900)), height = 240, left = 44, bottom = 206;
    const most = 1.06 * Math.max(1, ...seen, ...(bounds ? bounds[3] : mean));
    const x = (k) => left + ((width - left - 8) * k) / (n - 1), y = (v) => bottom - (190 * v) / most;
    const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${D.classes[state.klass]}, ${all ? "all areas" : D.names[chosen]}: recorded, and forecast ${mean.map((m, h) => `${D.areas.coming[h]} ${short(m)}`).join(", ")}` });
    const step = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000].find((s) => most / s <= 5) || most;
    for (let v = 0; v <= most; v += step) {
      svg.append(draw("line", { x1: left, x2: width - 8, y1: y(v), y2: y(v), class: "gridline" }), draw("text", { x: left - 6, y: y(v) + 4, "text-anchor": "end" }, whole(v)));
    }
    const line = (points) => points.map(([a, b], k) => `${k ? "L" : "M"}${a.toFixed(1)} ${b.toFixed(1)}`).join("");
    const band = (low, high, css) => {
      const up = high.map((v, h) => [x(seen.length + h), y(v)]), down = low.map((v, h) => [x(seen.length + h), y(v)]).reverse();
      svg.append(draw("path", { d: `${line([...up, ...down])}Z`, class: css }));
    };
    if (bounds) { band(bounds[2], bounds[3], "wide"); band(bounds[0], bounds[1], "narrow"); }
    svg.append(draw("path", { d: line(seen.map((v, k) => [x(k), y(v)])), class: "seen" }), draw("path", { d: line(mean.map((v, h) => [x(seen.length + h), y(v)])), class: "mean" }));
    const names = [...D.areas.past, ...D.areas.coming], every = Math.ceil(n / (width / 110));
    for (let k = 0; k < n; k += every) svg.append(draw("text", { x: x(k), y: 224, "text-anchor": k ? "middle" : "start" }, names[k]));
    $("curve").replaceChildren(svg);
  };
  if ($("curve-area")) {
    option($("curve-area"), -1, "All areas");
    D.names.map((name, a) => [name, a]).sort((p, q) => p[0].localeCompare(q[0])).forEach(([name, a]) => { if (!D.masked.includes(a)) option($("curve-area"), a, name); });
    $("curve-area").addEventListener("change", curve);
  }
  const heat = () => {
    const table = $("heat");
    if (!table || !D.hours) return;
    const grid = D.hours[state.klass], flat = grid.flat(), most = Math.max(1, ...flat), total = flat.reduce((a, b) => a + b, 0);
    const caption = make("caption", `${D.classes[state.klass]}: share of ${whole(total)} recorded events, in per mille`);
    const head = make("thead"), top = make("tr"), body = make("tbody");
    top.append(make("td", ""), ...grid[0].map((_, h) => make("th", String(h), { scope: "col" })));
    head.append(top);
    ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"].forEach((day, d) => {
      const row = make("tr"); row.append(make("th", day, { scope: "row" }));
      grid[d].forEach((count) => {
        const share = (1000 * count) / Math.max(1, total);
        row.append(make("td", share >= 9.95 ? share.toFixed(0) : share.toFixed(1), { class: `f${Math.min(5, Math.floor((6 * count) / (most + 1)))}` }));
      });
      body.append(row);
    });
    table.replaceChildren(caption, head, body);
  };

  // --- downloads --------------------------------------------------------------------------------------------------
  const save = (name, blob) => {
    const link = make("a", "", { download: name });
    link.href = URL.createObjectURL(blob);
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };
  const fileName = (end) => `${D.problem}-${D.classes[state.klass]}-${state.measure}`.replace(/[^\w-]+/g, "_") + `.${end}`;
  const shown = () => {
    const area = kind().level === "area", rows = [];
    values.forEach((value, i) => {
      if (value === null) return;
      const row = { class: D.classes[state.klass], measure: kind().name, time: steps()[state.at] || "", value };
      if (area) rows.push([{ area: D.names[i], ...row }, D.cells.cells.map((_, k) => k).filter((k) => D.cells.area[k] === i)]);
      else {
        const hot = hotClass(), more = hot && hot.cells[i] && state.measure !== "recorded" && state.measure !== "rate" ? { low_80: hot.cells[i][1], high_80: hot.cells[i][2], low_95: hot.cells[i][3], high_95: hot.cells[i][4], among_top: hot.cells[i][5] } : {};
        const [[south, west], [north, east]] = corners(i);
        rows.push([{ cell: D.cells.cells[i], area: D.cells.area[i] >= 0 && D.names ? D.names[D.cells.area[i]] : "", south, west, north, east, ...row, ...more }, [i]]);
      }
    });
    return rows;
  };
  const csvCell = (value) => {
    const text = String(value), safe = /^[=+\-@\t\r]/.test(text) && typeof value === "string" ? `'${text}` : text;
    return /[",\n\r]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
  };
  $("csv").addEventListener("click", () => {
    const rows = shown().map(([row]) => row), heads = [...new Set(rows.flatMap((row) => Object.keys(row)))];
    const lines = [`# ${D.note}`, heads.map(csvCell).join(","), ...rows.map((row) => heads.map((h) => csvCell(row[h] === undefined ? "" : row[h])).join(","))];
    save(fileName("csv"), new Blob([`${lines.join("\n")}\n`], { type: "text/csv" }));
  });
  const outline = (i) => { const [[s, w], [n, e]] = corners(i); return [[[w, s], [e, s], [e, n], [w, n], [w, s]]]; };
  $("geojson").addEventListener("click", () => {
    const features = shown().map(([properties, cells]) => ({ type: "Feature", properties, geometry: cells.length === 1 ? { type: "Polygon", coordinates: outline(cells[0]) } : { type: "MultiPolygon", coordinates: cells.map(outline) } }));
    save(fileName("geojson"), new Blob([JSON.stringify({ type: "FeatureCollection", note: D.note, features })], { type: "application/geo+json" }));
  });
  $("png").addEventListener("click", () => {
    const [[south, west], [north, east]] = D.view, narrow = Math.cos(((south + north) / 2) * Math.PI / 180);
    const width = 1400, pixel = width / ((east - west) * narrow), height = Math.ceil((north - south) * pixel) + 70;
    const canvas = make("canvas"); canvas.width = width; canvas.height = height;
    const pen = canvas.getContext("2d");
    pen.fillStyle = colour("--paper"); pen.fillRect(0, 0, width, height);
    rectangles.forEach((rectangle, i) => {
      const [[s, w], [n, e]] = corners(i), o = rectangle.options;
      const box = [(w - west) * narrow * pixel, 60 + (north - n) * pixel, (e - w) * narrow * pixel, (n - s) * pixel];
      pen.globalAlpha = o.fillOpacity; pen.fillStyle = o.fillColor; pen.fillRect(...box);
      pen.globalAlpha = 1;
      if (o.stroke) { pen.strokeStyle = o.color; pen.lineWidth = o.weight; pen.strokeRect(...box); }
    });
    pen.fillStyle = colour("--ink"); pen.font = "600 22px system-ui, sans-serif";
    pen.fillText(`${D.title}: ${D.classes[state.klass]}. ${kind().name}${steps()[state.at] ? `, ${steps()[state.at]}` : ""}`, 12, 28);
    pen.font = "16px system-ui, sans-serif"; pen.fillText(D.note, 12, 50);
    canvas.toBlob((blob) => save(fileName("png"), blob));
  });

  $("controls").addEventListener("submit", (event) => event.preventDefault());
  $("class").addEventListener("change", (event) => { state.klass = Number(event.target.value); paint(); details(); curve(); heat(); });
  $("measure").addEventListener("change", (event) => { state.measure = event.target.value; state.selected = null; setSteps(); paint(); });
  $("time").addEventListener("input", (event) => { state.at = Number(event.target.value); paint(); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
  window.addEventListener("resize", curve);
  setSteps(); paint(); curve(); heat();
  if (D.hotspots && values.some((v) => v)) select({ cell: values.indexOf(Math.max(...values.map((v) => v || 0))) });
})();
