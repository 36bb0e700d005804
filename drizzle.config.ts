import { defineConfig } from "drizzle-kit";

export default defineConfig({
  dialect: "postgresql",
  schema: [
    "./coordinator/store/schema.ts",
    "./coordinator/store/trace-tables.ts",
    "./coordinator/store/verdict-tables.ts",
  ],
  out: "./migrations",
});
