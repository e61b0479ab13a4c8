// Rows by drizzle-seed, as its documentation shows; prints what took how long, as a JSON line.
import { drizzle } from 'drizzle-orm/node-postgres';
import { integer, pgTable, serial, text, timestamp } from 'drizzle-orm/pg-core';
import { seed } from 'drizzle-seed';
import pg from 'pg';

const [url, users, enrolments] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const orgs = pgTable('orgs', { id: serial().primaryKey(), name: text().notNull().unique() });
const courses = pgTable('courses', {
  id: serial().primaryKey(),
  orgId: integer('org_id').notNull().references(() => orgs.id),
  code: text().notNull().unique(),
  title: text().notNull(),
});
const people = pgTable('users', {
  id: serial().primaryKey(),
  username: text().notNull().unique(),
  email: text().notNull().unique(),
  joined: timestamp({ withTimezone: true }).notNull(),
});
const enrollments = pgTable('enrollments', {
  id: serial().primaryKey(),
  userId: integer('user_id').notNull().references(() => people.id),
  courseId: integer('course_id').notNull().references(() => courses.id),
  mode: text().notNull(),
  created: timestamp({ withTimezone: true }).notNull(),
});
const pool = new pg.Pool({ connectionString: url });
await pool.query('TRUNCATE orgs, courses, users, enrollments RESTART IDENTITY');
// It draws pairs without looking which are there, and fails on the unique key of them.
await pool.query('ALTER TABLE enrollments DROP CONSTRAINT IF EXISTS enrollments_user_id_course_id_key');
const began = performance.now();
await seed(drizzle(pool), { orgs, courses, people, enrollments }).refine((f) => ({
  orgs: { count: 100 },
  courses: { count: 1000 },
  people: { count: users, columns: { email: f.email() } },
  enrollments: { count: enrolments, columns: { mode: f.valuesFromArray({ values: ['audit', 'verified'] }) } },
}));
const seconds = (performance.now() - began) / 1000;
const { rows } = await pool.query('SELECT count(*)::int AS count FROM enrollments');
if (rows[0].count !== enrolments) throw new Error(`only ${rows[0].count} enrolments`);
console.log(JSON.stringify({ what: 'drizzle-seed, without the unique key of pairs', rows: 1100 + users + enrolments, seconds }));
await pool.query('TRUNCATE orgs, courses, users, enrollments RESTART IDENTITY');
await pool.query('ALTER TABLE enrollments ADD UNIQUE (user_id, course_id)');
await pool.end();
