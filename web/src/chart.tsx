// Lines over the last minutes, by uPlot, in the page's colours.
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { useStore } from "./store";

interface Line {
  label: string;
  values: (number | null)[];
}
interface Props {
  title: string;
  times: number[];
  lines: Line[];
  max?: number;
}

const height = 120;

/** A canvas knows no CSS variables. */
function colour(name: string): string {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

function options({ lines, max }: Props, width: number): uPlot.Options {
  const ink = colour("--ink-soft");
  const grid = { stroke: colour("--line"), width: 1 };
  const strokes = [colour("--accent"), colour("--second")];
  return {
    width,
    height,
    cursor: { show: false },
    legend: { show: false },
    padding: [6, 4, 0, 0],
    scales: { x: { time: true }, y: { range: (_, _low, high) => [0, max ?? Math.max(1, high * 1.1)] } },
    axes: [
      { stroke: ink, grid: { show: false }, ticks: grid, size: 26, space: 70, font: "11px system-ui", values: (_, ticks) => ticks.map(clock) },
      { stroke: ink, grid, ticks: grid, size: 44, space: 28, font: "11px system-ui" },
    ],
    series: [{}, ...lines.map(({ label }, i) => ({ label, stroke: strokes[i] ?? ink, width: 1.5, points: { show: false } }))],
  };
}

function clock(seconds: number): string {
  return new Date(seconds * 1000).toTimeString().slice(0, 8);
}

export function Chart(props: Props) {
  const { title, times, lines } = props;
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const { theme } = useStore().preferences;
  const latestProps = useRef(props);
  latestProps.current = props;
  const data = (): uPlot.AlignedData => {
    const now = latestProps.current;
    return [now.times, ...now.lines.map(({ values }) => values)];
  };
  useEffect(() => {
    const element = place.current;
    if (!element) return;
    const make = () => {
      plot.current?.destroy();
      plot.current = new uPlot(options(props, element.clientWidth), data(), element);
    };
    make();
    const system = matchMedia("(prefers-color-scheme: dark)");
    system.addEventListener("change", make);
    const watch = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height }));
    watch.observe(element);
    return () => {
      system.removeEventListener("change", make);
      watch.disconnect();
      plot.current?.destroy();
    };
  }, [theme]);
  useEffect(() => plot.current?.setData(data()), [times.at(-1)]);
  const latest = lines.map(({ label, values }) => `${label} ${(values.at(-1) ?? 0).toFixed(1)}`).join(", ");
  return (
    <figure class="chart">
      <figcaption>
        {title}
        <span class="legend">
          {lines.map(({ label }, i) => <span class={`key-${i}`}>{label}</span>)}
        </span>
      </figcaption>
      <div ref={place} role="img" aria-label={`${title}: ${latest}`} />
    </figure>
  );
}
