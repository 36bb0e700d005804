import { defineConfig } from "drizzle-kit";

export default defineConfig({
  dialect: "postgresql",
  schema: ["./coordinator/store/schema.ts", "./coordinator/store/trace-tables.ts"],
  out: "./migrations",
});
