"""Rows by Django and factory_boy, as their documentation shows; prints what took how long, as JSON lines."""

import json
import sys
import time
from datetime import datetime, timezone
from urllib.parse import unquote, urlsplit

import django
from django.conf import settings

url, users, enrolments, created = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
parts = urlsplit(url)
place = {
    "NAME": parts.path.lstrip("/"),
    "USER": unquote(parts.username or ""),
    "PASSWORD": unquote(parts.password or ""),
    "HOST": parts.hostname,
    "PORT": parts.port,
}
settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", **place}},
    DEFAULT_AUTO_FIELD="django.db.models.AutoField",
    USE_TZ=True,
)
django.setup()

import factory  # noqa: E402
from django.db import connection, models  # noqa: E402


class Org(models.Model):
    name = models.TextField(unique=True)

    class Meta:
        app_label, db_table, managed = "bench", "orgs", False


class Course(models.Model):
    org = models.ForeignKey(Org, models.CASCADE)
    code = models.TextField(unique=True)
    title = models.TextField()

    class Meta:
        app_label, db_table, managed = "bench", "courses", False


class User(models.Model):
    username = models.TextField(unique=True)
    email = models.TextField(unique=True)
    joined = models.DateTimeField()

    class Meta:
        app_label, db_table, managed = "bench", "users", False


class Enrollment(models.Model):
    user = models.ForeignKey(User, models.CASCADE)
    course = models.ForeignKey(Course, models.CASCADE)
    mode = models.TextField()
    created = models.DateTimeField()

    class Meta:
        app_label, db_table, managed = "bench", "enrollments", False


NOW = datetime(2025, 1, 1, tzinfo=timezone.utc)


class UserFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = User

    username = factory.Sequence(lambda n: f"learner{n}")
    email = factory.LazyAttribute(lambda user: f"{user.username}@example.com")
    joined = NOW


class EnrollmentFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Enrollment

    mode = factory.Iterator(["audit", "audit", "audit", "audit", "verified"])
    created = factory.Faker("date_time_this_decade", tzinfo=timezone.utc)


class KnownUserFactory(UserFactory):
    class Meta:
        model = User
        django_get_or_create = ("username",)


class KnownCourseFactory(factory.django.DjangoModelFactory):
    class Meta:
        model = Course
        django_get_or_create = ("code",)


class KnownEnrollmentFactory(EnrollmentFactory):
    class Meta:
        model = Enrollment
        django_get_or_create = ("user", "course")

    user = factory.SubFactory(KnownUserFactory)
    course = factory.SubFactory(KnownCourseFactory)


def timed(what, rows, work):
    began = time.monotonic()
    work()
    print(json.dumps({"what": what, "rows": rows, "seconds": time.monotonic() - began}), flush=True)


def empty():
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE orgs, courses, users, enrollments RESTART IDENTITY")


def parents():
    orgs = Org.objects.bulk_create(Org(name=f"org{n}") for n in range(100))
    return Course.objects.bulk_create(Course(org=orgs[n % 100], code=f"course-{n}", title="A course") for n in range(1000))


def bulk():
    courses = parents()
    people = (User(username=f"learner{n}", email=f"learner{n}@example.com", joined=NOW) for n in range(users))
    people = User.objects.bulk_create(people, batch_size=1000)
    # Each pair once: course after course for the same user.
    pairs = ((people[n % users], courses[(n // users + n) % 1000]) for n in range(enrolments))
    Enrollment.objects.bulk_create(
        (Enrollment(user=user, course=course, mode="verified" if n % 5 else "audit", created=NOW) for n, (user, course) in enumerate(pairs)),
        batch_size=1000,
    )


empty()
timed("Django, Model() and bulk_create of 1,000", 1100 + users + enrolments, bulk)
def pair(n):
    return people[n % len(people)], courses[(n // len(people) + n) % 1000]


def create():
    for user, course in map(pair, range(created)):
        EnrollmentFactory(user=user, course=course)


def get_or_create():
    # A load has natural keys and no rows at hand: it finds or makes what each names.
    for user, course in map(pair, range(created)):
        KnownEnrollmentFactory(user__username=user.username, course__code=course.code)


for what, work in [
    ("factory_boy, create(), a commit each", create),
    ("factory_boy, create() by natural keys, a commit each", get_or_create),
]:
    empty()
    courses, people = parents(), UserFactory.create_batch(min(created, 1000))
    timed(what, created, work)
    assert Enrollment.objects.count() == created, what
