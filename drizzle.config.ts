import { defineConfig } from "drizzle-kit";

export default defineConfig({
  dialect: "postgresql",
  schema: "./coordinator/store/schema.ts",
  out: "./migrations",
});
