// The page's few pictures, drawn in the colour of the text beside them.
const paths = {
  menu: "M3 5h14M3 10h14M3 15h14",
  add: "M10 4v12M4 10h12",
  settings: "M3 6h7m4 0h3M10 4v4M3 14h3m4 0h7M6 12v4",
  chart: "M3 16h14M5 13V9m5 4V4m5 9V7",
  send: "M10 16V4M5 9l5-5 5 5",
  stop: "M6 6h8v8H6z",
  edit: "M4 16l1-4 8-8 3 3-8 8z",
  again: "M15.5 7A6 6 0 1 0 16 11M16 3v4h-4",
  remove: "M5 6l1 11h8l1-11M3 6h14M8 6V3h4v3",
  close: "M5 5l10 10M15 5L5 15",
  sun: "M10 6a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM10 1v2m0 14v2M1 10h2m14 0h2M4 4l1 1m10 10l1 1M4 16l1-1M15 5l1-1",
  help: "M7 7a3 3 0 1 1 4 3c-1 .5-1 1-1 2m0 3v.5",
} as const;

export function Icon({ name }: { name: keyof typeof paths }) {
  return (
    <svg class="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  );
}

interface ButtonProps {
  icon: keyof typeof paths;
  label: string;
  onClick: () => void;
  pressed?: boolean;
  disabled?: boolean;
}

export function IconButton({ icon, label, onClick, pressed, disabled }: ButtonProps) {
  return (
    <button type="button" class="icon-button" aria-label={label} title={label} aria-pressed={pressed} disabled={disabled} onClick={onClick}>
      <Icon name={icon} />
    </button>
  );
}
