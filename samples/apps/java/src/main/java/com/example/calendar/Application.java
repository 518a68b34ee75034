package com.example.calendar;

import io.javalin.Javalin;
import io.javalin.http.Context;
import java.time.DateTimeException;
import java.time.YearMonth;
import java.time.format.TextStyle;
import java.util.Locale;

/** Pages with the days of a month: an ordinary web application that knows nothing of buildpacks. */
public final class Application {
    private static final String TITLE = "A calendar";

    public static void main(String[] arguments) {
        int port = Integer.parseInt(System.getenv().getOrDefault("PORT", "8080"));
        Javalin application = Javalin.create(config -> config.showJavalinBanner = false);
        application.get("/", context -> month(context, YearMonth.now()));
        application.get("/health", context -> context.result("ok"));
        application.get("/{year}/{month}", Application::monthOfPath);
        Runtime.getRuntime().addShutdownHook(new Thread(application::stop));
        application.start(port);
    }

    private static void monthOfPath(Context context) {
        try {
            int year = context.pathParamAsClass("year", Integer.class).get();
            int month = context.pathParamAsClass("month", Integer.class).get();
            month(context, YearMonth.of(year, month));
        } catch (DateTimeException exception) {
            context.status(404).result("There is no such month.\n");
        }
    }

    private static void month(Context context, YearMonth month) {
        StringBuilder page = new StringBuilder("<!doctype html>\n<title>" + TITLE + "</title>\n");
        page.append("<h1>%s: %s %d</h1>%n<p>".formatted(TITLE, name(month), month.getYear()));
        for (int day = 1; day <= month.lengthOfMonth(); day++) {
            page.append(day == 1 || month.atDay(day).getDayOfWeek().getValue() != 1 ? " " : "<br>\n").append(day);
        }
        page.append("\n<p><a href=\"%s\">before</a> <a href=\"%s\">after</a>%n"
                .formatted(path(month.minusMonths(1)), path(month.plusMonths(1))));
        context.html(page.toString());
    }

    private static String name(YearMonth month) {
        return month.getMonth().getDisplayName(TextStyle.FULL, Locale.ENGLISH);
    }

    private static String path(YearMonth month) {
        return "/%d/%d".formatted(month.getYear(), month.getMonthValue());
    }
}
